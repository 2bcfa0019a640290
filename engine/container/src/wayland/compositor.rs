//! The compositor's thread: waits for clients, input and its own timetable in one place.

use super::Order;
use super::clients::Clients;
use super::shared::Shared;
use super::state::State;
use super::xwayland::Ends;
use crate::clipboard::Board;
use crate::{Error, Waker, clock};
use nix::poll::{PollFd, PollFlags};
use nix::unistd::gettid;
use smithay::reexports::wayland_server::Display;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};

/// What a compositor is made of.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) listener: UnixListener,
    pub(super) shared: Arc<Shared>,
    pub(super) orders: Receiver<Order>,
    /// Rung with each order.
    pub(super) bell: Waker,
    /// Where texts of clients go.
    pub(super) board: Board,
    pub(super) fps: u16,
    /// Our ends of the connections with an X server that is starting.
    pub(super) xwayland: Option<Ends>,
}

/// Starts the thread; clients may connect when this returns. Also gives the thread's number.
pub(super) fn spawn(setup: Setup) -> Result<(JoinHandle<()>, u32), Error> {
    let (tell, told) = sync_channel(1);
    let run = move || {
        // Whatever ends the thread, a panic too: nobody waits for it in vain.
        let _end = End(Arc::clone(&setup.shared));
        let made = Compositor::new(setup);
        let (answer, compositor) = match made {
            Ok(compositor) => (Ok(gettid().as_raw().unsigned_abs()), Some(compositor)),
            Err(error) => (Err(error), None),
        };
        if tell.send(answer).is_ok()
            && let Some(compositor) = compositor
            && let Err(error) = compositor.run()
        {
            tracing::error!(%error, "the compositor ended");
        }
    };
    let thread = Builder::new()
        .name("wayland".into())
        .spawn(run)
        .map_err(Error::start("the compositor's thread"))?;
    let id = told.recv().map_err(|_| Error::Closed)??;
    Ok((thread, id))
}

struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Compositor {
    display: Display<State>,
    state: State,
    listener: UnixListener,
    clients: Clients,
    orders: Receiver<Order>,
    bell: Waker,
}

impl Compositor {
    fn new(setup: Setup) -> Result<Self, Error> {
        let display = Display::new().map_err(|_| Error::Wayland("no display can be made"))?;
        let mut state = State::new(&display.handle(), setup.shared, setup.board, setup.fps)?;
        if let Some(ends) = setup.xwayland {
            state.connect(ends)?;
        }
        Ok(Self {
            display,
            state,
            listener: setup.listener,
            clients: Clients::default(),
            orders: setup.orders,
            bell: setup.bell,
        })
    }

    fn run(mut self) -> Result<(), Error> {
        loop {
            self.wait()?;
            self.bell.take();
            if !self.obey() {
                return Ok(());
            }
            self.clients.accept(&self.listener, &self.display.handle());
            self.display
                .dispatch_clients(&mut self.state)
                .map_err(Error::system("epoll_wait"))?;
            self.state.turn(clock::now());
            // A client that does not take what it is sent is disconnected by the library.
            if let Err(error) = self.display.flush_clients() {
                tracing::debug!(%error, "a client was not reached");
            }
        }
    }

    fn wait(&mut self) -> Result<(), Error> {
        let until = self.state.timeout();
        let read = PollFlags::POLLIN;
        let backend = self.display.backend();
        let mut fds = vec![
            PollFd::new(backend.poll_fd(), read),
            PollFd::new(self.listener.as_fd(), read),
            PollFd::new(self.bell.as_fd(), read),
        ];
        fds.extend(self.state.x_socket().map(|socket| PollFd::new(socket, read)));
        clock::wait_ready(&mut fds, until).map_err(Error::system("poll"))
    }

    /// Does what was asked; `false` when that is to stop, or nobody is left who could ask.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Act(act)) => self.state.act(act),
                Ok(Order::Follow(ticks)) => self.state.awaiting.follow(ticks),
                Ok(Order::Resize(size)) => self.state.resize(size),
                Ok(Order::Clipboard(text)) => self.state.set_clipboard(text),
                Ok(Order::Text(text)) => self.state.type_text(&text),
                Ok(Order::Layout(layout)) => self.state.set_layout(layout),
                Ok(Order::Touchscreen) => self.state.add_touch(),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }
}
