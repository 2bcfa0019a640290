//! What to probe: an engine's address, or a link to one of its titles.

use crate::Error;
use url::Url;

/// An engine, and a title where the link names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    base: Url,
    title: Option<String>,
}

impl Target {
    /// Reads `http://host:port/`, `host:port` or a link to a title (`…/play/<id>`).
    ///
    /// # Errors
    /// [`Error::Url`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |expected| Error::Url {
            url: text.to_owned(),
            expected,
        };
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let mut base = Url::parse(&full).map_err(|_| refuse(EXPECTED))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none_or(str::is_empty) {
            return Err(refuse(EXPECTED));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse("leave out user and password"));
        }
        let path = base.path().trim_end_matches('/').to_owned();
        let title = match path.strip_prefix("/play/") {
            None if path.is_empty() => None,
            Some(id) if is_id(id) => Some(id.to_owned()),
            Some(_) | None => return Err(refuse(EXPECTED)),
        };
        base.set_path("/");
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base, title })
    }

    /// The title that the link names.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// The engine's address, with a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// Whether host and client certainly share a machine, and so a clock.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self.base.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

/// Whether a title can have this id; what it is exactly, the gateway decides.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ID_BYTES_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

const ID_BYTES_MAX: usize = 64;
const EXPECTED: &str = "expected http://HOST:PORT or a link to a title such as http://HOST:PORT/play/beacon";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_or_a_link_is_read() {
        for (text, base, title) in [
            ("localhost:8080", "http://localhost:8080/", None),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/", None),
            (
                "https://play.example/play/beacon",
                "https://play.example/",
                Some("beacon"),
            ),
            (
                "[::1]:8080/play/doom/?start#x",
                "http://[::1]:8080/",
                Some("doom"),
            ),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.base(), target.title()), (base, title), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "",
            "ftp://x",
            "http://",
            "http://x/y",
            "http://x/play/",
            "http://x/play/a/b",
            "x:99999",
        ] {
            let error = Target::parse(text).unwrap_err().to_string();
            assert!(
                error.contains("/play/beacon") && !error.contains('\n'),
                "{text}: {error}"
            );
        }
        assert!(Target::parse("http://a:b@x/").is_err());
    }

    #[test]
    fn only_the_loopback_shares_its_clock_for_certain() {
        assert!(Target::parse("localhost:1").unwrap().is_local());
        assert!(Target::parse("127.0.0.2:1").unwrap().is_local());
        assert!(Target::parse("[::1]:1").unwrap().is_local());
        assert!(!Target::parse("192.0.2.1:1").unwrap().is_local());
        assert!(!Target::parse("play.example").unwrap().is_local());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert!(target.base().ends_with('/'));
                prop_assert!(target.title().is_none_or(is_id));
            }
        }
    }
}
