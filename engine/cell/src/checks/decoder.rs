//! Decodes what a host encoded, in a process of its own: what a stranger sends is read by a large library in C.

use firstlight_checker::challenge::{Decode, Plane};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// Runs a program that reads access units and writes pictures (`firstlight-decode`).
#[derive(Clone, Debug)]
pub struct Decoder {
    program: PathBuf,
}

impl Decoder {
    /// By this program.
    #[must_use]
    pub const fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// What the program reads: each access unit with its length before it.
    #[must_use]
    pub fn input(units: &[Vec<u8>]) -> Vec<u8> {
        let mut input = Vec::new();
        for unit in units {
            input.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
            input.extend_from_slice(unit);
        }
        input
    }

    /// What it writes, at most `most` pictures: width, height, luma. What is cut off is no picture.
    #[must_use]
    pub fn output(mut bytes: &[u8], most: usize) -> Vec<Plane> {
        let mut planes = Vec::new();
        while planes.len() < most
            && let Some(([w1, w0, h1, h0], rest)) = bytes.split_first_chunk()
        {
            let (width, height) = (u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0]));
            let Some((luma, rest)) = rest.split_at_checked(usize::from(width) * usize::from(height)) else {
                break;
            };
            planes.push(Plane {
                width,
                height,
                luma: luma.to_vec(),
            });
            bytes = rest;
        }
        planes
    }

    fn run(&self, input: &[u8]) -> io::Result<Vec<u8>> {
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pictures = talk(&mut child, input);
        if pictures.is_err() {
            // Whatever it is doing, it is done.
            drop(child.kill());
        }
        let status = child.wait()?;
        // One that fell over the bitstream was ended by a signal, and has written what it could.
        match status.code() {
            Some(0) | None => pictures,
            Some(code) => Err(io::Error::other(format!("it ended with {code}"))),
        }
    }
}

impl Decode for Decoder {
    fn decode(&self, units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        let bytes = self.run(&Self::input(units)).map_err(|error| {
            let program = self.program.display();
            if error.kind() == io::ErrorKind::NotFound {
                format!("{program} is not there: build it with cargo build --release -p firstlight-probe")
            } else {
                format!("{program}: {error}")
            }
        })?;
        Ok(Self::output(&bytes, units.len()))
    }
}

fn talk(child: &mut Child, input: &[u8]) -> io::Result<Vec<u8>> {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut stdin = child.stdin.take().ok_or_else(gone)?;
    let stdout = child.stdout.take().ok_or_else(gone)?;
    let (done, read) = sync_channel(1);
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let result = stdout.take(PICTURES_BYTES_MAX).read_to_end(&mut bytes);
        // Nobody waits any longer where it took too long.
        drop(done.send(result.map(|_| bytes)));
    })?;
    stdin.write_all(input)?;
    drop(stdin);
    read.recv_timeout(WITHIN)
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// 64 pictures of 1920×1080.
const PICTURES_BYTES_MAX: u64 = 64 * (1920 * 1088 + 4);
/// Half a second of video; on a machine that is busy with everything else.
const WITHIN: Duration = Duration::from_secs(30);
