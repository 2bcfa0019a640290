//! The gateway as a whole: its state, and what every request passes.

use crate::access::{Asked, Names, Verdict, judge};
use crate::extract::{BODY_BYTES_MAX, too_large};
use crate::keys::OperatorKey;
use crate::media::Bridges;
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;
use crate::pages;
use crate::problem::{Kind, Problem};
use crate::relays::Relays;
use crate::routes;
use crate::saves::{self, Counter};
use crate::throttle::{Networks, Throttle};
use crate::titles::Titles;
use crate::{Error, serve::LocalAddress};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use firstlight_cell::Cell;
use firstlight_host::Host;
use firstlight_saves::Keeper;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What a gateway is made of.
#[derive(Debug)]
pub struct Settings {
    /// Places sessions.
    pub cell: Cell,
    /// This machine's own host, where it has one.
    pub host: Option<Host>,
    /// Where hosts that join find the bus: an address of NATS, or none for the gateway's own.
    pub bus: Option<String>,
    /// The titles' folder.
    pub titles: PathBuf,
    /// The operator's key.
    pub operator: OperatorKey,
    /// Names besides `localhost`, `127.0.0.1` and `[::1]` that this engine answers to, IPv6 addresses in brackets.
    pub names: Vec<String>,
    /// The port it listens on.
    pub port: u16,
    /// Whether it is served over TLS.
    pub secure: bool,
    /// Where metrics are collected.
    pub metrics: Metrics,
}

/// An HTTP gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) cell: Cell,
    pub(crate) host: Option<Host>,
    pub(crate) bus: Option<String>,
    pub(crate) titles: Titles,
    pub(crate) operator: OperatorKey,
    pub(crate) names: Names,
    pub(crate) origins: Vec<String>,
    pub(crate) throttle: Throttle,
    pub(crate) networks: Networks,
    pub(crate) metrics: Metrics,
    pub(crate) bridges: Bridges,
    pub(crate) relays: OnceLock<Arc<Relays>>,
    pub(crate) neighbours: OnceLock<Arc<Neighbours>>,
    pub(crate) saves: OnceLock<Counter>,
}

impl Gateway {
    /// Reads the titles.
    ///
    /// # Errors
    /// [`Error::Titles`] when their folder cannot be read.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let names = Names::new(settings.names, settings.secure);
        let inner = Inner {
            cell: settings.cell,
            host: settings.host,
            bus: settings.bus,
            titles: Titles::open(&settings.titles)?,
            operator: settings.operator,
            origins: names.origins(settings.port),
            names,
            throttle: Throttle::default(),
            networks: Networks::default(),
            metrics: settings.metrics,
            bridges: Bridges::default(),
            relays: OnceLock::new(),
            neighbours: OnceLock::new(),
            saves: OnceLock::new(),
        };
        for listed in inner.titles.all().values() {
            inner.cell.set_title(&listed.title.id, listed.terms());
        }
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Offers relays to players from here on; once.
    #[must_use]
    pub fn with_relays(self, relays: Arc<Relays>) -> Self {
        self.inner.relays.get_or_init(|| relays);
        self
    }

    /// Sends players whom this cell cannot have to other cells from here on; once.
    #[must_use]
    pub fn with_neighbours(self, neighbours: Arc<Neighbours>) -> Self {
        self.inner.neighbours.get_or_init(|| neighbours);
        self
    }

    /// Keeps what players save, and brings it to the hosts that they play on, from here on; once.
    #[must_use]
    pub fn with_saves(self, keeper: Keeper) -> Self {
        self.inner.saves.get_or_init(|| Counter::new(keeper));
        self
    }

    /// Ids of the titles that can be played, and why other folders can't, one line each.
    #[must_use]
    pub fn titles(&self) -> (Vec<String>, Vec<String>) {
        (
            self.inner.titles.all().keys().cloned().collect(),
            self.inner.titles.refused(),
        )
    }

    /// Everything that is served.
    pub fn router(&self) -> Router {
        let inner = &self.inner;
        routes::router()
            .route("/", get(pages::page))
            .route("/play/{title}", get(pages::page))
            .route("/ops", get(pages::operators))
            .route("/report/{session}", get(pages::report_page))
            .route("/saves", get(pages::saves_page))
            .route("/assets/{*path}", get(pages::file))
            .fallback(pages::file)
            .method_not_allowed_fallback(wrong_method)
            .layer(from_fn(bound))
            .layer(from_fn_with_state(Arc::clone(inner), guard))
            .layer(from_fn(dress))
            .layer(from_fn(measure))
            .with_state(Arc::clone(inner))
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }
}

async fn wrong_method() -> Problem {
    Problem::new(Kind::Method, "See /v1/openapi.json for what is.")
}

/// Lets in who may ask at all. See [`crate::access`].
async fn guard(State(gateway): State<Arc<Inner>>, mut request: Request, next: Next) -> Response {
    let local = request.extensions().get::<LocalAddress>().map(|local| local.0);
    let asked = Asked {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
        local,
    };
    match judge(&gateway.names, asked) {
        Ok(Verdict::Answer(authority)) => {
            request.extensions_mut().insert(authority);
            next.run(request).await
        }
        Ok(Verdict::WithoutStart(path)) => Redirect::to(&path).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Bounds size and time of every request.
async fn bound(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // An archive is read a piece at a time, and bounded by whoever reads it.
    let archive = saves::is_archive(request.method(), request.uri().path());
    if !archive && length.is_some_and(|length| length > BODY_BYTES_MAX) {
        return too_large().into_response();
    }
    let within = if archive {
        saves::TAKEN_WITHIN
    } else {
        ANSWER_WITHIN
    };
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Kind::TooSlow, "No answer was ready in time.").into_response(),
    }
}

/// Headers that go with every answer; one that has its own keeps it.
async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        add(headers, name, value);
    }
    add(headers, header::CACHE_CONTROL, "no-store");
    response
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

async fn measure(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    let route = route.as_deref().unwrap_or("other");
    firstlight_telemetry::http_request(route, response.status().as_u16(), began.elapsed().as_secs_f64());
    response
}

/// The page talks to media ports of this machine, which is another origin each; nothing else comes from elsewhere.
const CSP: &str = "default-src 'self'; connect-src 'self' https: wss:; img-src 'self' data: blob:; style-src 'self'; \
    worker-src 'self' blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // A site that opened the page holds no handle to it, and nothing here is a picture or script for others.
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Starting a session is the slowest: room made by another's end, and a worker that is slow to be ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);
