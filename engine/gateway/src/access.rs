//! Which requests are answered at all: the engine's own name, and no page of another site. The decision is pure.
//!
//! A page elsewhere can reach an engine on its visitor's machine in three ways. It can send requests across sites: those
//! carry its `Origin` or a `Sec-Fetch-Site`, and no CORS header ever answers them. It can point its own name at 127.0.0.1
//! (DNS rebinding): those carry its name as `Host`. And it can open the engine's pages: in a frame, which the pages refuse,
//! or in a window of their own, which is allowed, but not to start anything ([`Verdict::WithoutStart`]).

use crate::problem::{Kind, Problem};
use axum::http::{HeaderMap, Method, Uri, header};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// The names that this engine answers to, and whether over TLS of its own.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    names: BTreeSet<String>,
    secure: bool,
}

/// What a request that is answered asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// As in the request, with its port; lower case.
    pub(crate) full: String,
    /// Without the port; IPv6 in brackets.
    pub(crate) name: String,
    /// The page came over TLS that ends here.
    pub(crate) secure: bool,
}

/// The decision on a request that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Answer(Authority),
    /// Another site opened a page that would start by itself: open it, but let the player press the button.
    WithoutStart(String),
}

impl Names {
    /// This machine's names, and `more`.
    pub(crate) fn new(more: impl IntoIterator<Item = String>, secure: bool) -> Self {
        let local = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self {
            names: local
                .into_iter()
                .chain(more.into_iter().map(|name| name.to_ascii_lowercase()))
                .collect(),
            secure,
        }
    }

    /// The schemes that a page of the engine's own can have come by. Without TLS here there may be a proxy that has it.
    pub(crate) const fn schemes(&self) -> &'static [&'static str] {
        if self.secure {
            &["https"]
        } else {
            &["http", "https"]
        }
    }

    /// Every origin whose pages are the engine's own, when it listens on `port`.
    pub(crate) fn origins(&self, port: u16) -> Vec<String> {
        let (scheme, usual) = if self.secure { ("https", 443) } else { ("http", 80) };
        let origin = |name: &String| {
            if port == usual {
                format!("{scheme}://{name}")
            } else {
                format!("{scheme}://{name}:{port}")
            }
        };
        self.names.iter().map(origin).collect()
    }

    /// A host that is given by address cannot have been rebound, as long as it is the address that was connected to.
    fn has(&self, name: &str, local: Option<IpAddr>) -> bool {
        self.names.contains(name) || local.is_some_and(|local| address(name) == Some(local.to_canonical()))
    }
}

fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(six) => six
            .parse::<Ipv6Addr>()
            .ok()
            .map(|six| IpAddr::V6(six).to_canonical()),
        None => name.parse().ok(),
    }
}

/// The parts of a request that are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    /// The address that the connection came in on.
    pub(crate) local: Option<IpAddr>,
}

/// Judges a request.
pub(crate) fn judge(names: &Names, asked: Asked<'_>) -> Result<Verdict, Problem> {
    let mut authority = authority(asked.headers).ok_or_else(|| foreign_host("The request names no host."))?;
    let absolute = asked.uri.authority().map(|a| a.as_str().to_ascii_lowercase());
    if !names.has(&authority.name, asked.local) || absolute.is_some_and(|absolute| absolute != authority.full)
    {
        return Err(foreign_host(
            "Open the engine by the address it printed, or allow this name with --host-name.",
        ));
    }
    authority.secure = names.secure;
    judge_origin(names, asked.headers, &authority)?;
    let site = text(asked.headers, "sec-fetch-site");
    if matches!(site, None | Some("same-origin" | "none")) {
        return Ok(Verdict::Answer(authority));
    }
    if !is_visit(asked) {
        return Err(foreign_origin());
    }
    Ok(without_start(asked.uri).map_or(Verdict::Answer(authority), Verdict::WithoutStart))
}

fn judge_origin(names: &Names, headers: &HeaderMap, authority: &Authority) -> Result<(), Problem> {
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let site = origin
            .split_once("://")
            .filter(|(scheme, _)| names.schemes().contains(scheme));
        if site.map(|(_, site)| site) != Some(authority.full.as_str()) {
            return Err(foreign_origin());
        }
    }
    Ok(())
}

/// A link on another site opens a page in a window, not in a frame.
fn is_visit(asked: Asked<'_>) -> bool {
    let path = asked.uri.path();
    let page = matches!(path, "/" | "/ops" | "/saves")
        || ["/play/", "/report/"].iter().any(|pages| path.starts_with(pages));
    page && matches!(*asked.method, Method::GET | Method::HEAD)
        && text(asked.headers, "sec-fetch-mode") == Some("navigate")
        && text(asked.headers, "sec-fetch-dest") == Some("document")
}

/// Where to send a visit that would start a session; `None` for one that wouldn't.
fn without_start(uri: &Uri) -> Option<String> {
    // Only the plain path is kept: whatever a stranger put into the query is none of the page's business.
    uri.query().map(|_| uri.path().to_owned())
}

fn authority(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let full = hosts.next()?.to_str().ok()?.to_ascii_lowercase();
    if hosts.next().is_some() {
        return None;
    }
    let name = match full.rsplit_once(':') {
        // The last colon of a bare IPv6 address is no port's.
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => &full,
    };
    Some(Authority {
        name: name.to_owned(),
        full,
        secure: false,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("unreadable"))
}

fn foreign_host(detail: &str) -> Problem {
    Problem::new(Kind::ForbiddenHost, detail)
}

fn foreign_origin() -> Problem {
    Problem::new(
        Kind::ForbiddenOrigin,
        "Only the engine's own pages, and programs, may ask this.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn ask(uri: &str, headers: &[(&str, &str)]) -> Result<Verdict, Problem> {
        ask_as(&Method::GET, uri, headers)
    }

    fn ask_as(method: &Method, uri: &str, headers: &[(&str, &str)]) -> Result<Verdict, Problem> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        let names = Names::new(["play.example".to_owned()], false);
        let local = Some("192.168.1.5".parse().unwrap());
        judge(
            &names,
            Asked {
                method,
                uri: &uri.parse().unwrap(),
                headers: &map,
                local,
            },
        )
    }

    fn answered(headers: &[(&str, &str)]) -> bool {
        matches!(ask("/v1/titles", headers), Ok(Verdict::Answer(_)))
    }

    #[test]
    fn the_engine_answers_to_its_own_names_only() {
        for host in [
            "localhost:8080",
            "LOCALHOST",
            "127.0.0.1:80",
            "[::1]:8080",
            "[::1]",
            "play.example",
            "192.168.1.5:8080",
        ] {
            assert!(answered(&[("host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.168.1.6",
            "[::2]:8080",
            "",
            "localhost:8080:1",
            "user@localhost",
        ] {
            assert!(!answered(&[("host", host)]), "{host}");
        }
        assert!(!answered(&[]));
        assert!(!answered(&[("host", "localhost"), ("host", "localhost")]));
        assert!(ask("http://evil.example/v1/titles", &[("host", "localhost")]).is_err());
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let host = ("host", "localhost:8080");
        assert!(answered(&[host, ("origin", "http://localhost:8080")]));
        for origin in [
            "http://evil.example",
            "http://localhost:3000",
            "http://localhost",
            "null",
            "http://127.0.0.1:8080",
        ] {
            assert!(!answered(&[host, ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn a_request_across_sites_without_an_origin_is_refused() {
        let host = ("host", "localhost:8080");
        for site in ["cross-site", "same-site", "nonsense"] {
            assert!(!answered(&[host, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(answered(&[host, ("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_link_elsewhere_opens_a_page_but_starts_nothing() {
        let visit = [
            ("host", "localhost:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(matches!(ask("/play/freedoom", &visit), Ok(Verdict::Answer(_))));
        assert_eq!(
            ask("/play/freedoom?autostart=1", &visit).unwrap(),
            Verdict::WithoutStart("/play/freedoom".into())
        );
        assert_eq!(
            ask("/play/freedoom?%61utostart=1", &visit).unwrap(),
            Verdict::WithoutStart("/play/freedoom".into())
        );
        assert!(matches!(ask("/report/abc", &visit), Ok(Verdict::Answer(_))));
        assert!(matches!(ask("/saves", &visit), Ok(Verdict::Answer(_))));
        assert!(ask("/v1/titles", &visit).is_err());
        assert!(ask_as(&Method::POST, "/", &visit).is_err());
        let framed = [visit[0], visit[1], visit[2], ("sec-fetch-dest", "iframe")];
        assert!(ask("/play/freedoom", &framed).is_err());
    }

    #[test]
    fn media_is_open_to_the_same_pages() {
        let origins = Names::new(["play.example".to_owned()], false).origins(8080);
        assert_eq!(
            origins,
            [
                "http://127.0.0.1:8080",
                "http://[::1]:8080",
                "http://localhost:8080",
                "http://play.example:8080"
            ]
        );
        assert!(
            Names::new([], false)
                .origins(80)
                .contains(&"http://localhost".to_owned())
        );
        let secure = Names::new([], true);
        assert!(secure.origins(443).contains(&"https://localhost".to_owned()));
        assert!(secure.origins(8443).contains(&"https://[::1]:8443".to_owned()));
    }

    #[test]
    fn with_tls_a_page_in_the_clear_is_another_sites() {
        let ask = |secure, origin: &str| {
            let headers: HeaderMap = [("host", "localhost:8080"), ("origin", origin)]
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .into_iter()
                .collect();
            let asked = Asked {
                method: &Method::GET,
                uri: &Uri::from_static("/v1/titles"),
                headers: &headers,
                local: None,
            };
            judge(&Names::new([], secure), asked).is_ok()
        };
        assert!(ask(true, "https://localhost:8080") && !ask(true, "http://localhost:8080"));
        assert!(ask(false, "https://localhost:8080") && ask(false, "http://localhost:8080"));
        assert!(!ask(false, "ftp://localhost:8080"));
    }

    proptest! {
        #[test]
        fn no_other_name_gets_in(host in "[a-z0-9.:\\[\\]@-]{0,40}") {
            let known = host.starts_with("localhost") || host.starts_with("127.0.0.1") || host.starts_with("[::1]")
                || host.starts_with("play.example") || host.starts_with("192.168.1.5") || host.starts_with("[::ffff:");
            prop_assert!(known || !answered(&[("host", &host)]));
        }
    }
}
