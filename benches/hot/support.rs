//! What the benches stand on.

use std::error::Error;
use std::path::PathBuf;

use plant_care::app::App;
use plant_care::clock::Clock;
use plant_care::config::Config;
use tokio::runtime::{Builder, Runtime};

/// What a bench comes to before it measures: while it does, nothing fails.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A folder with an empty database, for as long as it is kept.
pub(crate) struct Ground {
    folder: PathBuf,
}

impl Ground {
    /// An empty folder.
    pub(crate) fn new() -> Outcome<Self> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hot-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The settings of a process over it, with some that are not the default.
    pub(crate) fn config(&self, settings: &[(&str, &str)]) -> Outcome<Config> {
        let config = Config::from_source(&|name| match name {
            "DATA_DIR" => Some(self.folder.display().to_string()),
            _ => settings
                .iter()
                .find(|(of, _)| *of == name)
                .map(|(_, value)| (*value).to_owned()),
        })?;
        Ok(config)
    }

    /// A process over it, which does nothing by itself.
    pub(crate) async fn app(&self, settings: &[(&str, &str)]) -> Outcome<App> {
        Ok(App::build(self.config(settings)?, Clock::system(), true).await?)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Else it stays in the folder of what was built, until that is cleaned.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// One thread for all tasks: how many others a machine has, and what runs on them, is not measured.
pub(crate) fn runtime() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
