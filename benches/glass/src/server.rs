//! Serves the page, its worker, and the stream: HTTP/1.1 by hand, so that nothing stands between encoder and socket.

use anyhow::{Context, Result};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// A page that waits for access units.
#[derive(Debug)]
pub(crate) struct Viewer(TcpStream);

impl Viewer {
    /// Writes a whole message at once.
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.write_all(message)
    }
}

/// Listens, and hands each page that opens the stream to `arrived`.
pub(crate) fn start(port: u16, arrived: SyncSender<Viewer>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot listen on port {port} of 127.0.0.1"))?;
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                // A browser also opens connections that it says nothing on: one must not hold up the next.
                let arrived = arrived.clone();
                std::thread::spawn(move || answer(stream, &arrived).is_ok());
            }
        })?;
    Ok(())
}

fn answer(mut stream: TcpStream, arrived: &SyncSender<Viewer>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = String::new();
    BufReader::new((&stream).take(8192)).read_line(&mut request)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match path {
        "/" => ("200 OK", "text/html; charset=utf-8", PAGE),
        "/worker.js" => ("200 OK", "text/javascript; charset=utf-8", WORKER),
        "/stream" => {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
            )?;
            // A page that is behind for this long is gone.
            stream.set_write_timeout(Some(PATIENCE))?;
            return arrived.send(Viewer(stream)).map_err(io::Error::other);
        }
        _ => ("404 Not Found", "text/plain", "no such page\n"),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

const PATIENCE: Duration = Duration::from_secs(5);
const PAGE: &str = include_str!("page.html");
const WORKER: &str = include_str!("worker.js");
