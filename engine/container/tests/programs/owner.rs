//! Owns a container until its standard input ends or it is killed: the worker of the tests that end badly.
//!
//! `owner TITLE_DIR RUN_DIR HOME [CGROUP]`: writes `started` when the app has drawn, or one line about what is missing.

use firstlight_container::{Container, Spec, Wait};
use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody listens any more where this fails.
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [title_dir, run_dir, home, rest @ ..] = args.as_slice() else {
        return Err("owner TITLE_DIR RUN_DIR HOME [CGROUP]".into());
    };
    let title = firstlight_title::load(title_dir)?;
    let mut container = Container::start(Spec {
        title,
        title_dir: title_dir.clone(),
        run_dir: run_dir.clone(),
        home: home.clone(),
        cgroup: rest.first().map(|path| Path::new(path).to_owned()),
    })?;
    let mut capture = container.capture()?;
    while capture.grab()?.pixels.iter().all(|byte| *byte == 0) {
        if let Some(exit) = container.poll_exit() {
            return Err(format!("{exit:?}").into());
        }
        if !matches!(capture.wait(None)?, Wait::Damage { .. }) {
            break;
        }
    }
    writeln!(std::io::stdout(), "started")?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    container.stop();
    Ok(())
}
