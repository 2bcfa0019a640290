//! What the API sends and takes, as in `/v1/openapi.json`.

use crate::access::Authority;
use crate::gateway::Inner;
use crate::seat::Seat;
use crate::titles::Listed;
use crate::whep;
use firstlight_cell::{HostRow, RegionRow};
use firstlight_host::{Session, State, Warm, message};
use firstlight_link::{End, StartTrace, Stats};
use firstlight_title::Mouse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// The titles that can be played.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TitleList {
    /// In the order of their ids.
    pub(crate) titles: Vec<TitleView>,
}

/// A title that can be played.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Title)]
pub(crate) struct TitleView {
    /// What sessions are started with.
    id: String,
    /// For people.
    name: String,
    /// The publisher's.
    version: String,
    /// Path of its picture, if it has one.
    picture: Option<String>,
    display: DisplayView,
    /// Has it sound?
    audio: bool,
    input: InputView,
}

/// What a title draws.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Display)]
struct DisplayView {
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
    /// Pictures per second at most.
    fps: u32,
}

/// What a title is played with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Input)]
struct InputView {
    keyboard: bool,
    /// `absolute`, `relative` or `both`.
    mouse: &'static str,
    /// Gamepads at once.
    gamepads: u8,
    touch: bool,
}

impl TitleView {
    pub(crate) fn new(Listed { title, dir }: &Listed) -> Self {
        let picture = firstlight_title::picture(dir).map(|_| format!("/v1/titles/{}/picture", title.id));
        Self {
            id: title.id.to_string(),
            name: title.name.clone(),
            version: title.version.clone(),
            picture,
            display: DisplayView {
                width: title.display.width.into(),
                height: title.display.height.into(),
                fps: title.display.fps.into(),
            },
            audio: title.audio.enabled,
            input: InputView {
                keyboard: title.input.keyboard,
                mouse: match title.input.mouse {
                    Mouse::Absolute => "absolute",
                    Mouse::Relative => "relative",
                    Mouse::Both => "both",
                },
                gamepads: title.input.gamepads,
                touch: title.input.touch,
            },
        }
    }
}

/// What to play, and on what. Unknown fields are skipped.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewSession {
    /// A title's id.
    pub(crate) title: String,
    /// What the client can do.
    #[serde(default)]
    pub(crate) client: Client,
    /// Rather wait in the queue than be refused.
    #[serde(default)]
    pub(crate) wait: bool,
    /// Regions farther away will do.
    #[serde(default)]
    pub(crate) far: bool,
}

/// What the client can do.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Client {
    /// Codecs it decodes, as in WebCodecs; none: not said.
    pub(crate) codecs: Vec<String>,
    /// Kinds of endpoint it attaches to; none: not said.
    pub(crate) transports: Vec<String>,
    /// How far regions are, there and back, by name, as far as it measured.
    pub(crate) rtt_ms: BTreeMap<String, f64>,
}

/// A session that can be attached to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Started {
    /// Its id.
    pub(crate) session: String,
    /// What to attach with: once, within a minute.
    pub(crate) ticket: String,
    /// The title's id.
    pub(crate) title: String,
    /// Where to attach, the best first.
    pub(crate) endpoints: Vec<Endpoint>,
    /// How long it took.
    pub(crate) timing: Timing,
}

/// How long a start took.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Timing {
    /// Until there was room.
    pub(crate) placed_ms: f64,
    /// Until it could be attached to.
    pub(crate) ready_ms: f64,
    /// It was parked before anybody asked.
    pub(crate) parked: bool,
    /// Of the time until it could be attached to: until the player's saves were there. 0 for a title that keeps none.
    pub(crate) saves_ms: f64,
}

/// What a ticket is asked for with; may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct TicketWanted {
    /// Who.
    #[serde(default)]
    pub(crate) client: Keyed,
}

/// Who asks for a ticket.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Keyed {
    /// The client's P-256 public key, uncompressed, in base64url: everything is sealed to it on what is attached with this ticket.
    #[serde(default)]
    pub(crate) key: Option<String>,
}

/// A new ticket.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewTicket {
    /// The session's public key, where the client gave its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seal_key: Option<String>,
    /// What to attach with: once, within a minute.
    pub(crate) ticket: String,
    /// Where to attach, the best first.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// Where to attach.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Endpoint {
    /// `webtransport`; `whep`: WebRTC; `relay`: through one, over WebTransport or, where the URL says `wss`, over TCP; `websocket`:
    /// slower, for networks that carry no UDP.
    kind: &'static str,
    /// Append `?ticket=` or `?resume=`, with `&` where there is a query already.
    url: String,
    /// SHA-256 of each certificate to trust, hex; none: as the browser does.
    cert_sha256: Vec<String>,
    /// Of `whep`: what `RTCPeerConnection` is to be made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    ice_servers: Option<Vec<IceServerView>>,
}

/// A server that helps to be reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IceServer)]
pub(crate) struct IceServerView {
    /// `stun:`, `turn:` or `turns:` addresses.
    pub(crate) urls: Vec<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) username: String,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) credential: String,
}

/// Sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The player's own; all, for the operator.
    pub(crate) sessions: Vec<SessionView>,
    /// How many more there are, where a limit was set.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) left_out: usize,
}

const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Which sessions are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SessionsWanted {
    /// Only those that have not ended.
    pub(crate) live: bool,
    /// So many at most, the newest first.
    pub(crate) limit: Option<u32>,
}

/// Which hosts are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HostsWanted {
    /// Those whose ids come after this one.
    pub(crate) after: Option<String>,
    /// So many at most.
    pub(crate) limit: Option<u32>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    session: String,
    /// The title's id.
    title: String,
    /// `starting`, `ready`, `attached`, `waiting` or `ended`.
    state: &'static str,
    /// Seconds that it still waits for its player.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_left_s: Option<u64>,
    /// Why it ended, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Why it ended, for the player.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    /// Where to attach, the best first; none when it cannot be attached to.
    endpoints: Vec<Endpoint>,
    /// The last second, while its player is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    stats: Option<Box<Stats>>,
    /// For the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<OperatorView>,
}

/// What only the operator is shown.
#[derive(Debug, Serialize, ToSchema)]
struct OperatorView {
    /// Pseudonym.
    player: String,
    /// The host that it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// Seconds since this gateway first heard of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_s: Option<u64>,
    /// It was parked before its player came.
    parked: bool,
    /// How its player's start went: a time in microseconds per step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    start: Option<StartTrace>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The app's exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// Last lines of the app, or of the worker where that was at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tail: Vec<String>,
}

impl SessionView {
    pub(crate) fn new(gateway: &Inner, seat: Seat, at: &Authority, operator: bool) -> Self {
        let endpoints = endpoints(gateway, &seat, at);
        let Seat {
            session, lost, host, ..
        } = seat;
        let (state, wait_left_s, ended) = match session.state {
            State::Starting => ("starting", None, None),
            State::Ready => ("ready", None, None),
            State::Attached => ("attached", None, None),
            State::Waiting { left } => ("waiting", Some(left.as_secs()), None),
            State::Ended(ended) => ("ended", None, Some(ended)),
        };
        let reason = ended.as_ref().map(|ended| ended.reason);
        let known = operator.then(|| gateway.cell.known_for(&session.id)).flatten();
        let operator = operator.then(|| OperatorView {
            player: session.player,
            host: host
                .or_else(|| gateway.cell.local().cloned())
                .map(|host| host.to_string()),
            known_s: known.map(|known| known.as_micros() / 1_000_000),
            parked: session.parked,
            start: session.start,
            detail: ended.as_ref().map(|ended| ended.detail.clone()),
            exit_code: ended.as_ref().and_then(|ended| ended.exit_code),
            tail: ended.map(|ended| ended.tail).unwrap_or_default(),
        });
        Self {
            session: session.id.to_string(),
            title: session.title.to_string(),
            state,
            wait_left_s,
            reason: if lost { Some(LOST) } else { reason.map(word) },
            message: if lost {
                Some(LOST_MESSAGE)
            } else {
                reason.map(message)
            },
            endpoints,
            stats: session.stats,
            operator,
        }
    }
}

/// Where a session can be attached to, by the name that the client reached the engine under.
pub(crate) fn endpoints(gateway: &Inner, seat: &Seat, at: &Authority) -> Vec<Endpoint> {
    let session = &seat.session;
    if matches!(session.state, State::Starting | State::Ended(_)) {
        return Vec::new();
    }
    let mut doors: Vec<String> = seat
        .addresses
        .iter()
        .map(|address| SocketAddr::new(*address, session.port).to_string())
        .collect();
    if doors.is_empty() {
        doors.push(format!("{}:{}", at.name, session.port));
    }
    let webtransport = doors.into_iter().map(|door| Endpoint {
        kind: "webtransport",
        url: format!("https://{door}/v1/media"),
        cert_sha256: session.cert_sha256.clone(),
        ice_servers: None,
    });
    let whep = session.rtc_port.map(|_| Endpoint {
        kind: "whep",
        url: format!(
            "{}://{}/v1/sessions/{}/whep",
            if at.secure { "https" } else { "http" },
            at.full,
            session.id
        ),
        cert_sha256: Vec::new(),
        ice_servers: Some(whep::views(gateway.cell.ice_servers())),
    });
    let relays = gateway.relays.get();
    let relayed = relays.map(|relays| relays.endpoints(gateway.host.as_ref(), seat));
    webtransport
        .chain(whep)
        .chain(relayed.into_iter().flatten())
        .chain([websocket(session, at)])
        .collect()
}

impl Endpoint {
    /// Through a relay; `url` has a query already.
    pub(crate) const fn relay(url: String, cert_sha256: Vec<String>) -> Self {
        Self {
            kind: "relay",
            url,
            cert_sha256,
            ice_servers: None,
        }
    }
}

/// Through the gateway itself: whoever got this answer reaches it.
fn websocket(session: &Session, at: &Authority) -> Endpoint {
    let scheme = if at.secure { "wss" } else { "ws" };
    Endpoint {
        kind: "websocket",
        url: format!("{scheme}://{}/v1/sessions/{}/media", at.full, session.id),
        cert_sha256: Vec::new(),
        ice_servers: None,
    }
}

const fn word(reason: End) -> &'static str {
    match reason {
        End::TitleExited => "title_exited",
        End::TitleCrashed => "title_crashed",
        End::ByPlayer => "by_player",
        End::ByOperator => "by_operator",
        End::EngineStopping => "engine_stopping",
        End::EngineFault => "engine_fault",
        End::GaveWay => "gave_way",
        End::NotResumed => "not_resumed",
    }
}

/// The machines of this fleet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostList {
    /// In the order of their ids.
    pub(crate) hosts: Vec<HostView>,
    /// Where there are more: ask with `after` for what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A machine.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Host)]
pub(crate) struct HostView {
    /// Its id.
    host: String,
    /// For people.
    name: String,
    /// Its region.
    region: String,
    /// `open`, `draining`, `cordoned`, `left` (it said that it goes), `lost`, or what its checks came to: `unproven` or `refused`.
    state: &'static str,
    /// An operator lets nothing new onto it.
    cordoned: bool,
    /// It finishes what runs and takes nothing new.
    draining: bool,
    /// Why its checks came to that, for its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Slots that are in use.
    sessions: u32,
    /// Slots that it has.
    slots: u32,
    /// How busy its cores are, 0 to 1.
    load: f64,
    /// Median milliseconds that it adds to every click, without the app.
    stages_ms: f64,
    /// Where it is, north and east, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<(f64, f64)>,
    /// Copies that are booted and frozen, by title.
    parked: BTreeMap<String, u32>,
    /// Titles that it has.
    titles: u32,
    /// How good its last minutes of play were, 0 to 100; none: nobody played there yet. See docs/QOE.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// The part of its minutes that were good, as far as its record proves it, 0 to 100.
    standing: f64,
    /// Minutes that its record is made of.
    minutes: u64,
    /// What is kept ready of each title, on this machine's own host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warm: Vec<WarmView>,
}

/// Copies of a title that are nobody's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Warm)]
struct WarmView {
    /// The title's id.
    title: String,
    /// Wanted.
    wanted: u16,
    /// Booted and frozen.
    parked: u16,
    /// On their way.
    booting: u16,
}

impl HostView {
    pub(crate) fn new(row: HostRow, warm: Vec<Warm>) -> Self {
        let degrees = |(north, east): (i32, i32)| (f64::from(north) / 1e3, f64::from(east) / 1e3);
        Self {
            host: row.host,
            name: row.name,
            region: row.region,
            state: row.state,
            cordoned: row.cordoned,
            draining: row.draining,
            why: row.why,
            sessions: row.used,
            slots: row.slots,
            load: row.load,
            stages_ms: row.stages_ms,
            position: row.position.map(degrees),
            parked: row.parked,
            titles: row.titles,
            score: row.score,
            standing: row.standing,
            minutes: row.minutes,
            warm: warm
                .into_iter()
                .map(|of| WarmView {
                    title: of.title.to_string(),
                    wanted: of.wanted,
                    parked: of.parked,
                    booting: of.booting,
                })
                .collect(),
        }
    }
}

/// Where this fleet has machines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegionList {
    /// Those that have any.
    pub(crate) regions: Vec<RegionView>,
    /// Other gateways of the fleet, for when this one does not answer: scheme, name and port each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) elsewhere: Vec<String>,
}

/// A region.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Region)]
pub(crate) struct RegionView {
    /// Its name.
    region: String,
    /// Machines in it.
    hosts: u32,
    /// Whether any of them has a free slot.
    free: bool,
}

impl RegionView {
    pub(crate) fn new(row: RegionRow) -> Self {
        Self {
            region: row.region,
            hosts: row.hosts,
            free: row.free > 0,
        }
    }
}

/// The gateway's health.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` or `stopping`.
    pub(crate) status: &'static str,
}

const LOST: &str = "host_lost";
const LOST_MESSAGE: &str = "The machine that you played on is gone. You can start again at once, on another; what you saved lies on that machine.";
