//! Lines of a bounded length from a pipe.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// It was longer; the rest was skipped.
    pub(crate) cut: bool,
}

/// The next line, of which at most `most` bytes are kept; `None` when the pipe was closed.
pub(crate) async fn next_line(
    from: &mut (impl AsyncBufRead + Unpin),
    most: usize,
) -> io::Result<Option<Line>> {
    let mut kept = Vec::new();
    let mut cut = false;
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() && kept.is_empty() && !cut {
            return Ok(None);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let text = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = most - kept.len();
        cut |= text.len() > room;
        kept.extend(text.iter().take(room));
        let over = end.is_some() || chunk.is_empty();
        let used = text.len() + usize::from(end.is_some());
        from.consume(used);
        if over {
            return Ok(Some(Line {
                text: String::from_utf8_lossy(&kept).into_owned(),
                cut,
            }));
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
    fn a_long_line_is_cut_and_the_next_is_whole() {
        let lines = read(b"abcdefgh\nij\n\nend", 3, 4);
        let texts: Vec<(&str, bool)> = lines.iter().map(|line| (line.text.as_str(), line.cut)).collect();
        assert_eq!(
            texts,
            [("abcd", true), ("ij", false), ("", false), ("end", false)]
        );
    }

    proptest! {
        #[test]
        fn lines_are_what_was_between_the_ends(text in "[a-c\n]{0,60}", buffer in 1usize..9, most in 0usize..70) {
            let lines = read(text.as_bytes(), buffer, most);
            let wanted: Vec<&str> = text.lines().collect();
            prop_assert_eq!(lines.len(), wanted.len());
            for (line, wanted) in lines.iter().zip(wanted) {
                prop_assert_eq!(&line.text, &wanted[..wanted.len().min(most)]);
                prop_assert_eq!(line.cut, wanted.len() > most);
            }
        }
    }
}
