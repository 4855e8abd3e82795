//! The `plant-care-bench` program.

use std::process::ExitCode;

use clap::Parser as _;
use plant_care_bench::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(&mut std::io::stderr(), &format!("cannot start: {error}"), false),
    };
    match runtime.block_on(plant_care_bench::run(cli)) {
        Ok(said) => say(&mut std::io::stdout(), &said, true),
        Err(reason) => say(&mut std::io::stderr(), &reason.to_string(), false),
    }
}

fn say(out: &mut impl std::io::Write, line: &str, went_well: bool) -> ExitCode {
    match writeln!(out, "{line}") {
        Ok(()) if went_well => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
