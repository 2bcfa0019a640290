//! What a gateway is told, in `up` and in `indexer`.

use super::GatewayUrl;
use clap::Args;
use firstlight_gateway::RelayUrl;
use std::path::PathBuf;
use url::Url;

/// Options of a gateway.
#[derive(Args, Debug)]
pub(crate) struct Serving {
    /// Address of the page and the API; localhost is 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDR", default_value = "localhost:8080")]
    pub(crate) listen: String,
    /// Another name that players reach it by; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub(crate) host_name: Vec<String>,
    /// Serve the page and the API over HTTPS: self-signed, or files in PEM as CERT,KEY
    #[arg(long, value_name = "self-signed|CERT,KEY", value_parser = tls)]
    pub(crate) tls: Option<TlsChoice>,
    /// Where what players save is kept: folder:PATH, which all gateways of the store reach, or postgres://USER@HOST/DATABASE
    /// [default: the store's database, or saved in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) saves: Option<String>,
    /// What hosts that join are told of the bus, such as with a login of their own [default: as --bus, without its login]
    #[arg(long, value_name = "URL")]
    pub(crate) host_bus: Option<String>,
    /// Take hosts that join at their word: all are yours. Otherwise players are sent only to hosts that have proven what they say
    #[arg(long)]
    pub(crate) trust_hosts: bool,
    /// Relay for players who do not reach a session's host, such as <https://relay.example:4443>; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) relay: Vec<RelayUrl>,
    #[command(flatten)]
    pub(crate) neighbours: Neighbouring,
    /// Send what sessions were, when they have ended, to an OpenTelemetry collector: http://HOST:4318
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<Url>,
}

/// Where players go whom this cell cannot have.
#[derive(Args, Debug)]
pub(crate) struct Neighbouring {
    /// Gateway of another cell, by the address that players reach it by: they are sent there while this cell is full, or without its
    /// store or its bus; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) neighbour: Vec<GatewayUrl>,
    /// Certificates in PEM, one of which each neighbour's is or is signed by [default: the usual authorities']
    #[arg(long, value_name = "FILE", requires = "neighbour")]
    pub(crate) neighbour_ca: Option<PathBuf>,
}

/// What `--tls` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsChoice {
    /// A certificate made and kept in the data folder.
    SelfSigned,
    /// A certificate's file and its key's.
    Files(PathBuf, PathBuf),
}

fn host_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
    let port = !text.starts_with('[') && text.contains(':');
    if plain && !port {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected a name such as play.example, without scheme and port".to_owned())
    }
}

pub(super) fn tls(text: &str) -> Result<TlsChoice, String> {
    match text.split_once(',') {
        None if text == "self-signed" => Ok(TlsChoice::SelfSigned),
        Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
            Ok(TlsChoice::Files(certificate.into(), key.into()))
        }
        _ => Err("expected self-signed, or CERT,KEY: two files in PEM".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_made_or_read() {
        assert_eq!(tls("self-signed"), Ok(TlsChoice::SelfSigned));
        assert_eq!(
            tls("a.pem,b.pem"),
            Ok(TlsChoice::Files("a.pem".into(), "b.pem".into()))
        );
        for text in ["", "a.pem", ",", "a.pem,", ",b.pem"] {
            assert!(tls(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_names() {
        for text in ["Play.Example", "10.0.0.1", "[fd00::1]"] {
            assert!(host_name(text).is_ok(), "{text}");
        }
        for text in ["", "http://x", "x:80", "a b", "x/y"] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }
}
