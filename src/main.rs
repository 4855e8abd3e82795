//! The `plant-care` program.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use plant_care::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}")),
    };
    match runtime.block_on(cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

/// Says in one line why the command failed.
fn complain(message: &str) -> ExitCode {
    let line = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // Where even standard error is closed there is nobody to tell.
    if writeln!(std::io::stderr(), "plant-care: {line}").is_err() {
        return ExitCode::from(2);
    }
    ExitCode::FAILURE
}
