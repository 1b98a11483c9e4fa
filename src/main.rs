//! The `sterna` command: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use sterna::cli::{Cli, run};
use sterna::ui::Outcome;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with status 0.
            if error.use_stderr() && std::env::args().any(|a| a == "--json") {
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default();
                println!("{}", serde_json::json!({ "error": line.trim_start_matches("error: ") }));
            }
            error.exit()
        }
    };
    let json = cli.wants_json();
    #[cfg(unix)]
    let scratch = sterna::interrupt::guard();
    #[cfg(not(unix))]
    let scratch = anyhow::Ok(());
    // The scratch folder goes when the command has ended.
    let result = scratch.and_then(|_scratch| run(cli));
    #[cfg(unix)]
    sterna::interrupt::settle();
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if json {
                println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            }
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `sterna info x | head` is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
