//! A file that is written, forced to the disk, forgotten by the kernel and read back.

use crate::Error;
use firstlight_checker::Digest;
use firstlight_checker::challenge::work::{LANE_WORDS, chunk, chunk_word};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// What stands for each chunk that was read back.
pub(crate) fn disk(seed: &Digest, chunks: u16, folder: &Path) -> Result<Vec<u64>, Error> {
    let mut file = open(folder).map_err(Error::Disk)?;
    write(&mut file, seed, chunks).map_err(Error::Disk)?;
    read(&mut file, chunks).map_err(Error::Disk)
}

/// A file without a name: nothing is left, whatever becomes of this process.
fn open(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!("proof-{}", std::process::id()));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    remove_file(&path)?;
    Ok(file)
}

fn write(file: &mut File, seed: &Digest, chunks: u16) -> io::Result<()> {
    let mut words = vec![0; LANE_WORDS];
    let mut bytes = Vec::with_capacity(LANE_WORDS * 8);
    for number in 0..chunks {
        chunk(seed, number, &mut words);
        bytes.clear();
        words
            .iter()
            .for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        file.write_all(&bytes)?;
    }
    file.sync_all()
}

fn read(file: &mut File, chunks: u16) -> io::Result<Vec<u64>> {
    file.rewind()?;
    // What is on the disk only leaves the memory when it is told to.
    posix_fadvise(&*file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    let mut bytes = vec![0; LANE_WORDS * 8];
    let mut read = Vec::with_capacity(chunks.into());
    for _ in 0..chunks {
        file.read_exact(&mut bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        read.push(chunk_word(&words));
    }
    Ok(read)
}
