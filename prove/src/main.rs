//! The `plant-care-prove` program.

use std::process::ExitCode;

use clap::Parser as _;
use plant_care_prove::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return say(
                &mut std::io::stderr(),
                &format!("cannot start: {error}"),
                ExitCode::FAILURE,
            );
        }
    };
    // Interrupted, it takes down what it has started.
    let proving = async {
        tokio::select! {
            proved = plant_care_prove::run(cli) => proved,
            _ = tokio::signal::ctrl_c() => plant_care_prove::failure::fail("it was interrupted"),
        }
    };
    match runtime.block_on(proving) {
        Ok(figures) => say(&mut std::io::stdout(), &figures.to_string(), ExitCode::SUCCESS),
        Err(reason) => say(
            &mut std::io::stderr(),
            &format!("not proved: {reason}"),
            ExitCode::FAILURE,
        ),
    }
}

fn say(out: &mut impl std::io::Write, line: &str, code: ExitCode) -> ExitCode {
    // Where nobody listens there is nobody to tell.
    match writeln!(out, "{line}") {
        Ok(()) => code,
        Err(_) => ExitCode::from(2),
    }
}
