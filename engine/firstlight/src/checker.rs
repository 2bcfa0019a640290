//! `firstlight checker`: evidence, judged again; and what a checker and a host run beside them.

use crate::cli::CheckerVerify;
use crate::out::say;
use anyhow::{Context, Result, bail};
use firstlight_cell::Decoder;
use firstlight_checker::Error;
use firstlight_checker::case::{Case, Outcome};
use firstlight_checker::challenge::Verdict;
use firstlight_checker::evidence::{Record, pseudonym};
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
    case: Option<Case>,
    /// The verdict, or why the line is no evidence.
    says: String,
}

/// What a committee came to, derived again from its members' words.
fn judge_case(line: &str, checker: Option<&str>) -> Judged {
    let none = |says| Judged {
        holds: false,
        record: None,
        case: None,
        says,
    };
    // A longer one is none that an engine wrote.
    if line.len() > CASE_BYTES_MAX {
        return none("no case: it is too long".to_owned());
    }
    let case: Case = match serde_json::from_str(line) {
        Ok(case) => case,
        Err(error) => return none(format!("no case: {error}")),
    };
    let another = checker.is_some_and(|wanted| opener(&case).is_none_or(|opener| opener != wanted));
    let (holds, says) = match case.verify() {
        Ok(_) if another => (false, "another checker opened it".to_owned()),
        Ok(outcome) => (true, format!("holds: {}", case_words(&case, outcome))),
        Err(error) => (false, format!("does not hold: {error}")),
    };
    Judged {
        holds,
        record: None,
        case: Some(case),
        says,
    }
}

fn opener(case: &Case) -> Option<String> {
    Some(pseudonym(&case.opener().ok()?))
}

fn case_words(case: &Case, outcome: Outcome) -> String {
    let what = case.matter().ok().and_then(|matter| matter.difference().ok()?);
    let word = match outcome {
        Outcome::Dismissed => "dismissed",
        Outcome::RankedLower => "ranked lower",
        Outcome::Penalised => "penalised",
    };
    match what {
        Some(what) => format!("{word}: {}", what.words()),
        None => word.to_owned(),
    }
}

fn judge(line: &str, checker: Option<&str>, decoder: &Decoder) -> Judged {
    if line.starts_with('{') {
        return judge_case(line, checker);
    }
    let record = match Record::from_text(line) {
        Ok(record) => record,
        Err(error) => {
            return Judged {
                holds: false,
                record: None,
                case: None,
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
        case: None,
        says,
    }
}

fn words(verdict: &Verdict) -> String {
    format!("holds: {verdict}")
}

impl Judged {
    fn case_host(&self) -> Option<String> {
        Some(self.case.as_ref()?.matter().ok()?.host_id())
    }

    fn json(&self) -> Value {
        let record = self.record.as_ref();
        json!({
            "holds": self.holds,
            "says": self.says,
            "part": record.map(|record| record.challenge.task.part().word()),
            "host": record.map(Record::host).or_else(|| self.case_host()),
            "outcome": self.case.as_ref().and_then(|case| case.outcome),
            "checker": record.map(Record::checker).or_else(|| self.case.as_ref().and_then(opener)),
            "at_us": record.map(|record| record.challenge.at.as_micros()),
            "took_us": record.map(|record| record.took.as_micros()),
        })
    }
}

impl std::fmt::Display for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(record) = &self.record else {
            if let (Some(host), Some(opener)) = (self.case_host(), self.case.as_ref().and_then(opener)) {
                write!(f, "case of host {host} by checker {opener}: ")?;
            }
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

/// A store takes no larger document.
const CASE_BYTES_MAX: usize = 64 * 1024;
/// Thousands of records.
const FILE_BYTES_MAX: u64 = 256 << 20;
