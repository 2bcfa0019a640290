//! `firstlight title check`.

use crate::cli::TitleCheck;
use crate::out::say;
use anyhow::{Result, bail};
use firstlight_title::{Finding, MANIFEST, check as look};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was found about one title.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    dir: PathBuf,
    /// It can be played on this machine.
    pub(crate) ok: bool,
    findings: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    fatal: bool,
    message: String,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    titles: Vec<Checked>,
}

pub(crate) fn check(options: &TitleCheck) -> Result<ExitCode> {
    let mut titles = Vec::new();
    for dir in &options.dirs {
        titles.extend(titles_in(dir)?.iter().map(|dir| check_one(dir)));
    }
    let report = Report {
        ok: titles.iter().all(|title| title.ok),
        titles,
    };
    if options.json {
        say(serde_json::to_string(&report)?);
    } else {
        for title in &report.titles {
            title.lines().iter().for_each(say);
        }
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Checked {
    /// For people: what is wrong, or that nothing is.
    pub(crate) fn lines(&self) -> Vec<String> {
        let word = |found: &Found| if found.fatal { "error" } else { "note" };
        let mut lines: Vec<String> = self
            .findings
            .iter()
            .map(|found| format!("{}: {}", word(found), found.message))
            .collect();
        if self.ok {
            lines.insert(0, format!("ok: {}", self.dir.display()));
        }
        lines
    }
}

pub(crate) fn check_one(dir: &Path) -> Checked {
    let findings = look(dir)
        .into_iter()
        .map(|Finding { fatal, message, .. }| Found { fatal, message });
    let findings: Vec<Found> = findings.collect();
    Checked {
        dir: dir.to_owned(),
        ok: findings.iter().all(|found| !found.fatal),
        findings,
    }
}

/// A title's folder itself, or every folder in it.
pub(crate) fn titles_in(dir: &Path) -> Result<Vec<PathBuf>> {
    if dir.join(MANIFEST).exists() {
        return Ok(vec![dir.to_owned()]);
    }
    let Ok(entries) = std::fs::read_dir(dir) else {
        bail!(
            "{} is no folder of titles; name one, or a title's own folder",
            dir.display()
        );
    };
    let folders = entries.flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = folders.filter(|folder| folder.join(MANIFEST).exists()).collect();
    folders.sort();
    if folders.is_empty() {
        bail!(
            "{} holds no titles; a title is a folder with a {MANIFEST}",
            dir.display()
        );
    }
    Ok(folders)
}
