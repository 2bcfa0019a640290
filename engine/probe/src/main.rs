//! `firstlight probe`: plays without a screen, and says what came.
//!
//! Ends with 0, or with one line on standard error and 1 (it could not be done) or 2 (it was asked wrongly).

use clap::Parser;
use clap::error::ErrorKind;
use firstlight_probe::{Error, Options, Progress, Report, Target, run};
use firstlight_units::Micros;
use std::error::Error as _;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Plays a title without a screen, and says what came: how soon, how even, how late. The session is ended afterwards.
#[derive(Debug, Parser)]
#[command(name = "firstlight probe", bin_name = "firstlight probe", version)]
struct Arguments {
    /// An engine's address, or a link to one of its titles
    #[arg(value_name = "URL", value_parser = Target::parse)]
    url: Target,
    /// Seconds to play, from the first picture on
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Title to play [default: the link's, else the beacon, else the only one]
    #[arg(long, value_name = "ID")]
    title: Option<String>,
    /// Take any certificate of the engine's page, such as one that it signed itself
    #[arg(long)]
    insecure: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A reader who has seen enough and closed the pipe is no error.
            drop(error.print());
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(&in_one_line(&error.to_string()), 2),
    };
    match probe(&arguments) {
        Ok(report) if arguments.json => match serde_json::to_string(&report) {
            Ok(text) => say(text),
            Err(error) => return refuse(&format!("error: the report cannot be written: {error}"), 1),
        },
        Ok(report) => say(report),
        Err(error) => return refuse(&format!("error: {}", words(&error)), 1),
    }
    ExitCode::SUCCESS
}

fn probe(arguments: &Arguments) -> Result<Report, Error> {
    let mut options = Options::new(arguments.url.clone())
        .span(Micros::from_secs(arguments.seconds.into()))
        .insecure(arguments.insecure);
    if let Some(title) = &arguments.title {
        options = options.title(title)?;
    }
    // Waiting for packets takes one thread; the decoder and the API have their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::System)?;
    let report = runtime.block_on(watch(&options, arguments.json));
    runtime.shutdown_timeout(Duration::from_millis(200));
    report
}

async fn watch(options: &Options, quiet: bool) -> Result<Report, Error> {
    let (tell, mut told) = mpsc::channel(PROGRESS_MAX);
    let running = run(options, &tell, stopped());
    tokio::pin!(running);
    loop {
        tokio::select! {
            report = &mut running => return report,
            Some(progress) = told.recv() => if !quiet { say(line(progress)) },
        }
    }
}

/// Ctrl-C, or what a service manager sends: the session is ended, and what was seen is told.
async fn stopped() {
    let opened = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = opened else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn line(progress: Progress) -> String {
    format!(
        "{:>5.0} s  {:>5.1} pictures/s  {:>6.2} Mbit/s  {} packets lost",
        progress.played.as_secs_f64(),
        progress.pictures_per_second,
        progress.bits_per_second / 1e6,
        progress.lost
    )
}

/// An error, what it is due to, and what to do about it.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        next = cause.source();
    }
    if let Error::Refused {
        retry_after_s: Some(seconds),
        ..
    } = error
    {
        words = format!("{words} (again in {seconds} s)");
    }
    words
}

/// What clap says, without its line breaks and its usage.
fn in_one_line(message: &str) -> String {
    let complaint = message.split("\n\nUsage:").next().unwrap_or_default();
    let complaint = complaint
        .split("\n\nFor more information")
        .next()
        .unwrap_or_default();
    let words: Vec<&str> = complaint.split_whitespace().collect();
    format!("{} (see --help)", words.join(" "))
}

/// Writes to standard output. Who reads it may have gone: there is nothing to be done about it.
fn say(line: impl Display) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn refuse(line: &str, code: u8) -> ExitCode {
    drop(writeln!(std::io::stderr(), "{}", line.replace('\n', " ")));
    ExitCode::from(code)
}

/// One every five seconds, taken at once.
const PROGRESS_MAX: usize = 4;
