//! The binary: configuration and command line; joins drivers to cores.
//!
//! Every command ends with 0, or with one line on standard error and 1 (it could not be done) or 2 (it was asked wrongly).
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod cell;
mod checker;
mod cli;
#[cfg(test)]
mod deploy;
mod doctor;
mod encoders;
mod host;
mod https;
mod indexer;
mod listen;
mod log;
mod machine;
mod metrics;
mod modes;
mod otlp;
mod out;
mod probe;
mod relay;
mod run_root;
mod saves;
mod title;
mod up;

use clap::Parser;
use clap::error::ErrorKind;
use cli::{CheckerCommand, Cli, Command, TitleCommand};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A reader who has seen enough and closed the pipe is no error.
            drop(error.print());
            return ExitCode::SUCCESS;
        }
        Err(error) => return out::refuse(&cli::in_one_line(&error.to_string()), 2),
    };
    let done = match cli.command {
        Command::Worker => match log::to_host() {
            Ok(()) => return firstlight_session::run(),
            Err(error) => Err(error),
        },
        Command::Up(options) => log::to_terminal().and_then(|()| up::up(&options)),
        Command::Relay(options) => log::to_terminal().and_then(|()| relay::relay(&options)),
        Command::Host(options) => log::to_terminal().and_then(|()| host::host(&options)),
        Command::Indexer(options) => log::to_terminal().and_then(|()| indexer::indexer(&options)),
        Command::Checker(CheckerCommand::Verify(options)) => checker::verify(&options),
        Command::Prover { folder } => return firstlight_prover::run(&folder),
        Command::Title(TitleCommand::Check(options)) => title::check(&options),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Probe(options) => probe::probe(options),
    };
    match done {
        Ok(code) => code,
        Err(error) => out::refuse(&format!("error: {error:#}"), 1),
    }
}
