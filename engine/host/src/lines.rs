//! Lines of a bounded length from a pipe.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// It is longer; the rest comes as the next line.
    pub(crate) cut: bool,
}

/// The next line, or its first `most` bytes; `None` when the pipe was closed.
pub(crate) async fn next_line(
    from: &mut (impl AsyncBufRead + Unpin),
    most: usize,
) -> io::Result<Option<Line>> {
    let mut kept = Vec::new();
    let whole = |kept: &[u8]| Line {
        text: String::from_utf8_lossy(kept).into_owned(),
        cut: false,
    };
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() {
            return Ok((!kept.is_empty()).then(|| whole(&kept)));
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let text = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let taken = text.len().min(most - kept.len());
        kept.extend(text.iter().take(taken));
        if taken < text.len() {
            from.consume(taken);
            return Ok(Some(Line {
                cut: true,
                ..whole(&kept)
            }));
        }
        let used = taken + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(Some(whole(&kept)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::BufReader;

    fn read(bytes: &[u8], buffer: usize, most: usize) -> Vec<Line> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut reader = BufReader::with_capacity(buffer, bytes);
        runtime.block_on(async {
            let mut lines = Vec::new();
            while let Some(line) = next_line(&mut reader, most).await.unwrap() {
                lines.push(line);
            }
            lines
        })
    }

    #[test]
    fn a_long_line_comes_in_pieces_and_the_next_is_whole() {
        let lines = read(b"abcdefghi\nij\n\nend", 3, 4);
        let texts: Vec<(&str, bool)> = lines.iter().map(|line| (line.text.as_str(), line.cut)).collect();
        let wanted = [
            ("abcd", true),
            ("efgh", true),
            ("i", false),
            ("ij", false),
            ("", false),
            ("end", false),
        ];
        assert_eq!(texts, wanted);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_line_is_longer_than_allowed(
            text in "[a-c\n]{0,60}",
            buffer in 1usize..9,
            most in 1usize..70,
        ) {
            let lines = read(text.as_bytes(), buffer, most);
            prop_assert!(lines.iter().all(|line| line.text.len() <= most));
            let joined: String =
                lines.iter().map(|line| format!("{}{}", line.text, if line.cut { "" } else { "\n" })).collect();
            prop_assert_eq!(joined.trim_end_matches('\n'), text.trim_end_matches('\n'));
        }
    }
}
