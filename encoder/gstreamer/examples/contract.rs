//! Runs the contract on an element by its word: what a provider does with hardware that CI does not have.
//!
//! `cargo run --release -p firstlight-encoder-gstreamer --example contract -- gst-vah264enc`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people")]

use firstlight_encoder::{Config, Encoder};
use firstlight_encoder_contract::{Terms, claims};
use firstlight_encoder_gstreamer::{ELEMENTS, Element, Gstreamer};
use std::process::ExitCode;
use std::sync::OnceLock;

static ELEMENT: OnceLock<&'static Element> = OnceLock::new();

fn open(config: Config) -> Encoder {
    let element = ELEMENT.get().unwrap();
    Encoder::with_backend(config, Box::new(Gstreamer::open(element, &config).unwrap()))
}

fn main() -> ExitCode {
    let word = std::env::args().nth(1).unwrap_or_default();
    let Some(element) = ELEMENTS.iter().find(|element| element.word == word) else {
        let words: Vec<&str> = ELEMENTS.iter().map(|element| element.word).collect();
        println!("name one of {}", words.join(", "));
        return ExitCode::FAILURE;
    };
    ELEMENT.get_or_init(|| element);
    let terms = Terms::plain(element.codec);
    let mut broken = false;
    for (name, claim) in claims::ALL {
        let found = claim(open, &terms);
        broken |= found.is_err();
        println!("{name:18} {}", found.err().unwrap_or_else(|| "holds".to_owned()));
    }
    if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
