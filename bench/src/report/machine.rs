//! The machine, and the versions of what was compared.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use plant_care_prove::database::Database;
use plant_care_prove::failure::Result;
use serde_json::Value;

use crate::servers::{node, peers_folder};

/// Names and values.
pub async fn machine(database: &Database, command: &str) -> Result<Vec<(String, String)>> {
    let mut facts = vec![
        ("date", now().format("%Y-%m-%d %H:%M UTC").to_string()),
        ("command", command.to_owned()),
        ("Plant Care", version()),
        (
            "processor",
            line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        ),
        (
            "cores",
            available_parallelism().map_or_else(|_| "unknown".to_owned(), |cores| cores.to_string()),
        ),
        ("memory", memory()),
        (
            "kernel",
            fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
        ),
        (
            "Postgres",
            database
                .column::<String>("SHOW server_version")
                .await?
                .pop()
                .unwrap_or_default(),
        ),
        ("Rust", said("rustc", &["--version"])),
        ("Node", said(&node().display().to_string(), &["--version"])),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect::<Vec<_>>();
    facts.extend(packages());
    Ok(facts)
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn version() -> String {
    let commit = said("git", &["rev-parse", "--short", "HEAD"]);
    format!("{} ({commit})", env!("CARGO_PKG_VERSION"))
}

fn memory() -> String {
    let kib = line_of("/proc/meminfo", "MemTotal").and_then(|total| {
        let kib = total.split_whitespace().next()?;
        kib.parse::<u64>().ok()
    });
    kib.map_or_else(
        || "unknown".to_owned(),
        |kib| format!("{} GiB", kib.div_ceil(1 << 20)),
    )
}

/// What is behind a name and a colon in a file.
fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The one line that a command says; many machines have no such command.
fn said(command: &str, arguments: &[&str]) -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(command).args(arguments).current_dir(folder).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// The packages that peers are made of, with the versions that they are pinned to.
fn packages() -> Vec<(String, String)> {
    let text = fs::read_to_string(peers_folder().join("package.json")).unwrap_or_default();
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(packages) = package["dependencies"].as_object() else {
        return Vec::new();
    };
    let named = |(name, version): (&String, &Value)| {
        let version = version.as_str().unwrap_or_default();
        (format!("npm {name}"), version.to_owned())
    };
    packages
        .iter()
        .filter(|(name, _)| *name != "node")
        .map(named)
        .collect()
}
