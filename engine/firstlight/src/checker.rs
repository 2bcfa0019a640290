//! `firstlight checker`: evidence, judged again; and what a checker and a host run beside them.

use crate::cli::CheckerVerify;
use crate::out::say;
use anyhow::{Context, Result, bail};
use firstlight_cell::Decoder;
use firstlight_checker::Error;
use firstlight_checker::challenge::Verdict;
use firstlight_checker::evidence::Record;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn verify(options: &CheckerVerify) -> Result<ExitCode> {
    let decoder = decoder();
    let mut judged = Vec::new();
    for line in lines(&options.file)? {
        let line = line.with_context(|| format!("{} cannot be read", options.file.display()))?;
        if !line.trim().is_empty() {
            judged.push(judge(line.trim(), options.checker.as_deref(), &decoder));
        }
    }
    if judged.is_empty() {
        bail!("{} holds no record", options.file.display());
    }
    let held = judged.iter().filter(|line| line.holds).count();
    if options.json {
        let records: Vec<Value> = judged.iter().map(Judged::json).collect();
        say(json!({ "records": records, "hold": held, "of": judged.len() }));
    } else {
        for (number, line) in (1..).zip(&judged) {
            say(format!("{number}: {line}"));
        }
        say(format!("{held} of {} records hold", judged.len()));
    }
    Ok(if held == judged.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A line of the file, judged.
struct Judged {
    holds: bool,
    record: Option<Record>,
    /// The verdict, or why the line is no evidence.
    says: String,
}

fn judge(line: &str, checker: Option<&str>, decoder: &Decoder) -> Judged {
    let record = match Record::from_text(line) {
        Ok(record) => record,
        Err(error) => {
            return Judged {
                holds: false,
                record: None,
                says: format!("no record: {error}"),
            };
        }
    };
    let another = checker.filter(|wanted| *wanted != record.checker());
    let (holds, says) = match record.verify(decoder) {
        Ok(_) if another.is_some() => (false, "it is another checker's".to_owned()),
        Ok(verdict) => (true, words(&verdict)),
        Err(error @ Error::NoDecoder(_)) => (false, format!("cannot be judged here: {error}")),
        Err(error) => (false, format!("does not hold: {error}")),
    };
    Judged {
        holds,
        record: Some(record),
        says,
    }
}

fn words(verdict: &Verdict) -> String {
    format!("holds: {verdict}")
}

impl Judged {
    fn json(&self) -> Value {
        let record = self.record.as_ref();
        json!({
            "holds": self.holds,
            "says": self.says,
            "part": record.map(|record| record.challenge.task.part().word()),
            "host": record.map(Record::host),
            "checker": record.map(Record::checker),
            "at_us": record.map(|record| record.challenge.at.as_micros()),
            "took_us": record.map(|record| record.took.as_micros()),
        })
    }
}

impl std::fmt::Display for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(record) = &self.record else {
            return f.write_str(&self.says);
        };
        let part = record.challenge.task.part().word();
        let (host, checker) = (record.host(), record.checker());
        write!(f, "{part} of host {host} by checker {checker}: {}", self.says)
    }
}

/// Bounded lines of a file or of standard input.
fn lines(file: &Path) -> Result<impl Iterator<Item = io::Result<String>>> {
    let from: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?)
    };
    Ok(BufReader::new(from.take(FILE_BYTES_MAX)).lines())
}

/// The program that decodes what hosts encoded: it is beside this one.
pub(crate) fn decoder() -> Decoder {
    let own = std::env::current_exe().unwrap_or_default();
    Decoder::new(own.with_file_name("firstlight-decode"))
}

/// The program that does what checkers ask of this machine; its file is made in the data folder, on the disk that games are on.
pub(crate) fn prover(data: &Path) -> Result<Vec<PathBuf>> {
    let own = std::env::current_exe().context("the engine's own program cannot be found")?;
    Ok(vec![own, "prover".into(), data.to_owned()])
}

/// Thousands of records.
const FILE_BYTES_MAX: u64 = 256 << 20;
