//! The report: what each workload found, as text with tables, as plots, and as JSON.

pub mod machine;
mod markdown;
mod svg;

use std::fs;
use std::path::Path;

use plant_care_prove::failure::Result;
use serde_json::{Value, json};

pub use self::markdown::Table;
pub use self::svg::{Bar, Line, Plot, count, figure};

/// What a workload found.
#[derive(Debug, Default)]
pub struct Section {
    /// The workload's name, of which files are called.
    pub name: String,
    /// What was measured, in a sentence or two.
    pub about: String,
    /// The figures.
    pub tables: Vec<Table>,
    /// The figures as pictures.
    pub plots: Vec<Plot>,
    /// What they were to be.
    pub targets: Vec<Target>,
    /// Texts to look up, such as plans: a title and the text.
    pub appendix: Vec<(String, String)>,
    /// All that was measured.
    pub data: Value,
}

/// What a figure was to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The figure.
    pub figure: String,
    /// What it was to be.
    pub wanted: String,
    /// What it is.
    pub measured: String,
    /// Whether it is so.
    pub met: bool,
}

impl Target {
    /// A figure that was to be so much at least.
    pub fn at_least(figure: impl Into<String>, wanted: f64, measured: f64) -> Self {
        Self::new(figure, format!("≥ {wanted}"), measured, measured >= wanted)
    }

    /// A figure that was to be below this.
    pub fn below(figure: impl Into<String>, wanted: f64, measured: f64) -> Self {
        Self::new(figure, format!("< {wanted}"), measured, measured < wanted)
    }

    fn new(figure: impl Into<String>, wanted: String, measured: f64, met: bool) -> Self {
        Self {
            figure: figure.into(),
            wanted,
            measured: format!("{measured:.2}"),
            met,
        }
    }
}

/// Everything of one run.
#[derive(Debug)]
pub struct Report {
    /// The machine, the versions, and how it was run: names and values.
    pub machine: Vec<(String, String)>,
    /// What was found, workload by workload.
    pub sections: Vec<Section>,
}

impl Report {
    /// Writes `results.md`, `results.json` and a picture for each plot into a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("results.md"), self.markdown())?;
        let json = serde_json::to_string_pretty(&self.json())?;
        fs::write(folder.join("results.json"), json + "\n")?;
        for plot in self.sections.iter().flat_map(|section| &section.plots) {
            fs::write(folder.join(plot.file()), plot.svg())?;
        }
        Ok(())
    }

    /// The targets that were not met.
    pub fn missed(&self) -> impl Iterator<Item = &Target> {
        let targets = self.sections.iter().flat_map(|section| &section.targets);
        targets.filter(|target| !target.met)
    }

    fn json(&self) -> Value {
        let machine: serde_json::Map<_, _> = self
            .machine
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let target = |target: &Target| {
            json!({ "figure": target.figure, "wanted": target.wanted, "measured": target.measured,
                "met": target.met })
        };
        let workloads: serde_json::Map<_, _> = self
            .sections
            .iter()
            .map(|section| {
                let targets: Vec<_> = section.targets.iter().map(target).collect();
                let found = json!({ "targets": targets, "measured": section.data });
                (section.name.clone(), found)
            })
            .collect();
        json!({ "machine": machine, "workloads": workloads })
    }
}

#[cfg(test)]
mod tests;
