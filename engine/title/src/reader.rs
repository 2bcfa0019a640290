//! Takes typed values out of a TOML table and knows, for each refusal, the line and the full name of the key.
//!
//! Invariant: whoever opens a [`Table`] takes every key it knows and then calls [`Table::finish`], which refuses the rest.

use crate::Error;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A manifest's text and name, for refusals.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) file: &'a Path,
}

impl Source<'_> {
    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A table that is being read.
pub(crate) struct Table<'a> {
    source: Source<'a>,
    /// Name of the table with a dot, or nothing for the root.
    prefix: &'static str,
    span: Range<usize>,
    rest: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(source: Source<'a>, prefix: &'static str, table: Spanned<DeTable<'a>>) -> Self {
        Self {
            source,
            prefix,
            span: table.span(),
            rest: table.into_inner(),
            known: Vec::new(),
        }
    }

    /// The value of `key`, if it is there.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let (_, value) = self.rest.remove_entry(key)?;
        Some(Value {
            source: self.source,
            key: format!("{}{key}", self.prefix),
            span: value.span(),
            value: value.into_inner(),
        })
    }

    /// The value of `key`, which must be there.
    pub(crate) fn require(&mut self, key: &'static str, expected: &str) -> Result<Value<'a>, Error> {
        let line = self.source.line(self.span.start);
        self.take(key).ok_or_else(|| Error::MissingKey {
            file: self.source.file.to_owned(),
            line,
            key: format!("{}{key}", self.prefix),
            expected: expected.to_owned(),
        })
    }

    /// The table `key`, or an empty one.
    pub(crate) fn table(&mut self, key: &'static str, prefix: &'static str) -> Result<Self, Error> {
        match self.take(key) {
            Some(value) => value.table(prefix),
            None => Ok(Self::new(
                self.source,
                prefix,
                Spanned::new(self.span.clone(), DeTable::new()),
            )),
        }
    }

    /// Refuses what nobody took; of several the first in the file.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Some(unknown) = self.rest.keys().min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        Err(Error::UnknownKey {
            file: self.source.file.to_owned(),
            line: self.source.line(unknown.span().start),
            key: format!("{}{}", self.prefix, shorten(unknown.get_ref())),
            known: self.known.join(", "),
        })
    }
}

/// A value that is being read.
pub(crate) struct Value<'a> {
    source: Source<'a>,
    key: String,
    span: Range<usize>,
    value: DeValue<'a>,
}

impl<'a> Value<'a> {
    /// Where the value stands.
    pub(crate) fn line(&self) -> usize {
        self.source.line(self.span.start)
    }

    pub(crate) fn table(self, prefix: &'static str) -> Result<Table<'a>, Error> {
        if let DeValue::Table(table) = self.value {
            return Ok(Table::new(self.source, prefix, Spanned::new(self.span, table)));
        }
        Err(self.refuse("a table"))
    }

    pub(crate) fn boolean(self) -> Result<bool, Error> {
        if let DeValue::Boolean(yes) = self.value {
            return Ok(yes);
        }
        Err(self.refuse("true or false"))
    }

    /// A whole number for which `ok` holds.
    pub(crate) fn number<T>(self, expected: &str, ok: impl Fn(&T) -> bool) -> Result<T, Error>
    where
        T: TryFrom<i64>,
    {
        let number = if let DeValue::Integer(n) = &self.value {
            i64::from_str_radix(n.as_str(), n.radix()).ok()
        } else {
            None
        };
        number
            .and_then(|n| T::try_from(n).ok())
            .filter(ok)
            .ok_or_else(|| self.refuse(expected))
    }

    /// A text that `read` accepts.
    pub(crate) fn text<T>(self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        let found = if let DeValue::String(text) = &self.value {
            read(text)
        } else {
            None
        };
        found.ok_or_else(|| self.refuse(expected))
    }

    /// One of the words.
    pub(crate) fn word<T: Copy>(self, words: &[(&str, T)]) -> Result<T, Error> {
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.text(&quoted.join(" or "), |text| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, value)| *value)
        })
    }

    /// The items of an array, `least` to `most` of them.
    pub(crate) fn items(self, expected: &str, least: usize, most: usize) -> Result<Vec<Self>, Error> {
        let fits = matches!(&self.value, DeValue::Array(array) if (least..=most).contains(&array.len()));
        if !fits {
            return Err(self.refuse(expected));
        }
        let DeValue::Array(array) = self.value else {
            return Ok(Vec::new());
        };
        let (source, key) = (self.source, self.key);
        let item = |(at, item): (usize, Spanned<DeValue<'a>>)| Self {
            source,
            key: format!("{key}[{at}]"),
            span: item.span(),
            value: item.into_inner(),
        };
        Ok(array.into_iter().enumerate().map(item).collect())
    }

    /// The entries of a table, at most `most`, in the order of their names.
    pub(crate) fn entries(self, expected: &str, most: usize) -> Result<Vec<(String, Self)>, Error> {
        let fits = matches!(&self.value, DeValue::Table(table) if table.len() <= most);
        if !fits {
            return Err(self.refuse(expected));
        }
        let DeValue::Table(table) = self.value else {
            return Ok(Vec::new());
        };
        let (source, key) = (self.source, self.key);
        let entry = |(name, value): (Spanned<_>, Spanned<DeValue<'a>>)| {
            let name: std::borrow::Cow<'a, str> = name.into_inner();
            let key = format!("{key}.{}", shorten(&name));
            (
                name.into_owned(),
                Self {
                    source,
                    key,
                    span: value.span(),
                    value: value.into_inner(),
                },
            )
        };
        Ok(table.into_iter().map(entry).collect())
    }

    pub(crate) fn refuse(&self, expected: &str) -> Error {
        Error::WrongValue {
            file: self.source.file.to_owned(),
            line: self.line(),
            key: self.key.clone(),
            expected: expected.to_owned(),
            found: describe(&self.value),
        }
    }
}

/// A value in a few words on one line.
fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", shorten(text)),
        DeValue::Integer(n) => shorten(&n.to_string()),
        DeValue::Float(n) => shorten(&n.to_string()),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(array) => format!("an array of {}", array.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// At most [`SHOWN_MAX`] characters, none of which ends a line or moves a terminal's cursor.
pub(crate) fn shorten(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(SHOWN_MAX).map(plain).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    short
}

/// Enough to recognise what one wrote, short enough for one line.
const SHOWN_MAX: usize = 60;
