//! A line between two processes that can be cut: nothing passes then and nobody is told, as with a cable that is pulled out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// It carries until the test's process ends.
#[derive(Debug)]
pub(crate) struct Line {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Line {
    /// To a port of this machine.
    pub(crate) fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicBool::new(false));
        let carried = Arc::clone(&cut);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // A server that is away refuses, and so does the line.
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
                    continue;
                };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let cut = Arc::clone(&carried);
                    thread::spawn(move || carry(from, to, &cut));
                }
            }
        });
        Self { port, cut }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What is sent meanwhile arrives when the line is whole again, however late that is.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    drop(from.set_nodelay(true));
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        while cut.load(Ordering::SeqCst) {
            thread::sleep(LOOK_EVERY);
        }
        match to.write_all(&buffer[..n]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // Also an end is not told of over a line that is cut.
    while cut.load(Ordering::SeqCst) {
        thread::sleep(LOOK_EVERY);
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

const LOOK_EVERY: Duration = Duration::from_millis(10);
