//! The file of a SQLite database: whether it still is the one that was opened.
//!
//! SQLite goes on with a file that was deleted or replaced: what it stores then is gone with the process, although
//! everybody was told that it is stored.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The file that a database's path names.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    seen: Mutex<Seen>,
}

/// Which file was seen at the path last, and since when it has been another one than before.
#[derive(Debug)]
struct Seen {
    file: Identity,
    since: Instant,
}

/// A file: its device and its number there; nothing if there is none.
pub(super) type Identity = Option<(u64, u64)>;

impl DatabaseFile {
    /// The file at a path as it is now.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: Mutex::new(Seen {
                file: identity(path),
                since: Instant::now(),
            }),
        }
    }

    /// Which file the path names now.
    pub(super) fn now(&self) -> Identity {
        identity(&self.path)
    }

    /// Whether a connection of this age has the file open that the path names.
    pub(super) fn is_of(&self, age: Duration) -> bool {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.file != now {
            *seen = Seen {
                file: now,
                since: Instant::now(),
            };
        }
        now.is_some() && seen.since.elapsed() >= age
    }
}

fn identity(path: &Path) -> Identity {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_of_the_file_that_was_there_when_it_was_made() {
        let folder = std::env::temp_dir().join(format!("plant-care-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("one.db");
        std::fs::write(&path, "one").unwrap();
        let file = DatabaseFile::at(&path);
        assert!(file.is_of(Duration::ZERO));
        let before = file.now();
        // Its content is not what makes it another one.
        std::fs::write(&path, "two").unwrap();
        assert_eq!(file.now(), before);

        std::fs::rename(&path, folder.join("away.db")).unwrap();
        assert!(!file.is_of(Duration::ZERO));
        std::fs::write(&path, "three").unwrap();
        assert_ne!(file.now(), before);
        assert!(!file.is_of(Duration::from_hours(1)), "it was made before");
        assert!(file.is_of(Duration::ZERO), "it was made since");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
