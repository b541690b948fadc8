//! A TCP proxy in front of a server, with which a test takes the database away and gives it back: it cuts connections,
//! hangs up on new ones, lets a request or its reply be lost, passes bytes on slowly, swallows PostgreSQL's notifications,
//! and pretends to be a pooler.

mod fault;
mod pooler;
mod wire;

use std::{
    io::{self, BufReader},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};

pub use self::fault::{At, Fault, Pace, Span};
use self::{
    fault::Plan,
    pooler::Pooler,
    wire::{Protocol, Request},
};

/// A proxy; when it is dropped, everything that goes through it is cut.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    hung_up: Receiver<()>,
    struck: Receiver<()>,
}

struct State {
    server: String,
    protocol: Protocol,
    hangs_up: AtomicBool,
    swallows: AtomicBool,
    closing: AtomicBool,
    plan: Mutex<Option<Plan>>,
    strikes: Sender<()>,
    pace: Mutex<Pace>,
    pooler: Option<Pooler>,
    /// Every connection that was let through and has not ended.
    open: Mutex<Vec<Arc<Passage>>>,
}

/// A client's connection, and the server's that belongs to it.
struct Passage {
    client: TcpStream,
    server: TcpStream,
    /// Nothing that the server says arrives any more.
    is_lost: AtomicBool,
}

impl Proxy {
    /// A proxy before the server that `url` names, and the URL that leads through it.
    pub fn before(url: &str) -> (Proxy, String) {
        Proxy::with(url, None)
    }

    /// A proxy before a PostgreSQL server that lends each connection for the length of a transaction.
    pub fn pooling(url: &str) -> (Proxy, String) {
        Proxy::with(url, Some(Pooler::default()))
    }

    fn with(url: &str, pooler: Option<Pooler>) -> (Proxy, String) {
        let rest = url.split_once("://").expect("a URL has a scheme").1;
        let host = rest.rsplit_once('/').expect("a URL names a database").0;
        let server = host.rsplit_once('@').map_or(host, |(_, server)| server);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (strikes, struck) = unbounded();
        let state = Arc::new(State {
            server: server.to_owned(),
            protocol: Protocol::of(url),
            hangs_up: AtomicBool::new(false),
            swallows: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            plan: Mutex::default(),
            strikes,
            pace: Mutex::default(),
            pooler,
            open: Mutex::default(),
        });
        let (hung_up_on, hung_up) = unbounded();
        let accepting = state.clone();
        thread::spawn(move || accepting.accept_all(&listener, &hung_up_on));
        let through = url.replace(server, &address.to_string());
        // MariaDB's driver would ask the server for its socket, and go around the proxy.
        let through = if url.starts_with("postgres") { through } else { format!("{through}?prefer_socket=false") };
        (Proxy { address, state, hung_up, struck }, through)
    }

    /// From now on hangs up on whoever connects, and on everybody who is connected.
    pub fn take_away(&self) {
        self.state.hangs_up.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// From now on lets everybody through.
    pub fn give_back(&self) {
        self.state.hangs_up.store(false, Ordering::SeqCst);
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        for passage in self.state.open.lock().unwrap().drain(..) {
            passage.cut();
        }
    }

    /// Cuts those connections that have fallen silent.
    pub fn cut_silent(&self) {
        let mut open = self.state.open.lock().unwrap();
        open.extract_if(.., |passage| passage.is_lost.load(Ordering::SeqCst)).for_each(|passage| passage.cut());
    }

    /// From now on drops PostgreSQL's notifications, and nothing else.
    pub fn swallow_notifications(&self) {
        self.state.swallows.store(true, Ordering::SeqCst);
    }

    /// From now on passes bytes on like this.
    pub fn pace(&self, pace: Pace) {
        *self.state.pace.lock().unwrap() = pace;
    }

    /// Something will happen to a request.
    pub fn strike(&self, at: At, fault: Fault, span: Span) {
        while self.struck.try_recv().is_ok() {}
        *self.state.plan.lock().unwrap() = Some(Plan { fault, at, span, seen: 0 });
    }

    /// From now on nothing happens any more, and everybody is let through; answers whether something has happened.
    pub fn heal(&self) -> bool {
        let plan = self.state.plan.lock().unwrap().take();
        self.give_back();
        plan.is_some_and(|plan| plan.has_struck())
    }

    /// Waits until something has happened to a request, or `over` says that nothing will; answers which.
    pub fn wait_until_struck(&self, over: impl Fn() -> bool) -> bool {
        loop {
            match self.struck.recv_timeout(Duration::from_millis(5)) {
                Ok(()) => return true,
                Err(_) if over() => return self.struck.try_recv().is_ok(),
                Err(_) => {}
            }
        }
    }

    /// Waits until it has hung up on `count` more connections.
    pub fn wait_until_hung_up(&self, count: usize) {
        for nth in 1..=count {
            let waited = self.hung_up.recv_timeout(Duration::from_secs(30));
            waited.unwrap_or_else(|_| panic!("nobody has tried to connect for the {nth}. time"));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the thread that accepts
        self.cut();
    }
}

impl State {
    fn accept_all(self: &Arc<State>, listener: &TcpListener, hung_up_on: &Sender<()>) {
        for client in listener.incoming().map_while(Result::ok) {
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            if self.hangs_up.load(Ordering::SeqCst) || self.let_through(client).is_err() {
                let _ = hung_up_on.send(());
            }
        }
    }

    fn let_through(self: &Arc<State>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(&self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let passage = Arc::new(Passage { client, server, is_lost: AtomicBool::new(false) });
        let mut open = self.open.lock().unwrap();
        if self.hangs_up.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into()); // taken away in between
        }
        open.push(passage.clone());
        let state = self.clone();
        if self.pooler.is_some() {
            thread::spawn(move || state.pool(&passage));
            return Ok(());
        }
        let (asking, asked) = (self.clone(), passage.clone());
        thread::spawn(move || {
            let _ = asking.ask(&asked);
            // What the server has been asked it does; then it sees that nobody is there.
            let _ = asked.server.shutdown(Shutdown::Write);
        });
        thread::spawn(move || {
            let _ = state.answer(&passage);
            passage.cut();
            state.forget(&passage);
        });
        Ok(())
    }

    /// Passes on what the client asks.
    fn ask(&self, passage: &Passage) -> io::Result<()> {
        let (mut from, mut first) = (BufReader::new(&passage.client), true);
        loop {
            let request = self.protocol.request(&mut from, first)?;
            first = false;
            let fault = self.fault_of(&request);
            if fault.is_some() {
                passage.is_lost.store(true, Ordering::SeqCst);
            } else if passage.is_lost.load(Ordering::SeqCst) {
                continue;
            }
            if fault != Some(Fault::Unsent) {
                self.pace().write(&passage.server, &request.bytes)?;
            }
            if fault.is_some() {
                let _ = self.strikes.send(());
            }
            if matches!(fault, Some(Fault::Unsent | Fault::Unanswered)) {
                return Ok(());
            }
        }
    }

    fn fault_of(&self, request: &Request) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let plan = plan.as_mut()?;
        let fault = plan.strikes(request)?;
        if plan.span == Span::ForEver {
            self.hangs_up.store(true, Ordering::SeqCst);
        }
        Some(fault)
    }

    fn pace(&self) -> Pace {
        *self.pace.lock().unwrap()
    }

    /// Passes on what the server says, until it says no more.
    fn answer(&self, passage: &Passage) -> io::Result<()> {
        let mut from = BufReader::new(&passage.server);
        loop {
            let message = self.protocol.reply(&mut from)?;
            let swallowed = self.swallows.load(Ordering::SeqCst) && message.is_notification();
            if !swallowed && !passage.is_lost.load(Ordering::SeqCst) {
                self.pace().write(&passage.client, &message.0)?;
            }
        }
    }

    fn pool(&self, passage: &Arc<Passage>) {
        if let (Some(pooler), Ok(server)) = (&self.pooler, passage.server.try_clone()) {
            let _ = pooler.serve(&passage.client, server);
        }
        let _ = passage.client.shutdown(Shutdown::Both);
        self.forget(passage);
    }

    fn forget(&self, passage: &Arc<Passage>) {
        self.open.lock().unwrap().retain(|other| !Arc::ptr_eq(other, passage));
    }
}

impl Passage {
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
