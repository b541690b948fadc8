//! A TCP proxy in front of a server, with which a test takes the database away and gives it back: it cuts connections,
//! hangs up on new ones, and swallows PostgreSQL's notifications as a pooler in transaction mode does.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// A proxy; when it is dropped, everything that goes through it is cut.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    hung_up: Receiver<()>,
}

struct State {
    server: String,
    /// Whether what the server sends can be read as PostgreSQL's messages.
    messages: bool,
    hangs_up: AtomicBool,
    swallows: AtomicBool,
    closing: AtomicBool,
    /// Both ends of every connection that was let through.
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy before the server that `url` names, and the URL that leads through it.
    pub fn before(url: &str) -> (Proxy, String) {
        let rest = url.split_once("://").expect("a URL has a scheme").1;
        let host = rest.rsplit_once('/').expect("a URL names a database").0;
        let server = host.rsplit_once('@').map_or(host, |(_, server)| server);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            server: server.to_owned(),
            messages: url.starts_with("postgres"),
            hangs_up: AtomicBool::new(false),
            swallows: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let (hung_up_on, hung_up) = unbounded();
        let accepting = state.clone();
        thread::spawn(move || accepting.accept_all(&listener, &hung_up_on));
        let through = url.replace(server, &address.to_string());
        // MariaDB's driver would ask the server for its socket, and go around the proxy.
        let through = if url.starts_with("postgres") { through } else { format!("{through}?prefer_socket=false") };
        (Proxy { address, state, hung_up }, through)
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
        for end in self.state.open.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// From now on drops PostgreSQL's notifications, and nothing else.
    pub fn swallow_notifications(&self) {
        self.state.swallows.store(true, Ordering::SeqCst);
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
            if self.hangs_up.load(Ordering::SeqCst) || self.let_through(&client).is_err() {
                drop(client);
                let _ = hung_up_on.send(());
            }
        }
    }

    fn let_through(self: &Arc<State>, client: &TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(&self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut open = self.open.lock().unwrap();
        if self.hangs_up.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into()); // taken away in between
        }
        open.extend([client.try_clone()?, server.try_clone()?]);
        let (mut requests, mut sink) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut requests, &mut sink);
            let _ = sink.shutdown(Shutdown::Both);
        });
        let (state, client) = (self.clone(), client.try_clone()?);
        thread::spawn(move || {
            let _ = state.answer(&server, &client);
            let _ = client.shutdown(Shutdown::Both);
        });
        Ok(())
    }

    fn answer(&self, mut server: &TcpStream, mut client: &TcpStream) -> io::Result<()> {
        if !self.messages {
            return io::copy(&mut server, &mut client).map(drop);
        }
        loop {
            // A letter that says what it is, and a length that counts itself.
            let mut message = vec![0; 5];
            server.read_exact(&mut message)?;
            let length = u32::from_be_bytes([message[1], message[2], message[3], message[4]]) as usize;
            message.resize(1 + length, 0);
            server.read_exact(&mut message[5..])?;
            if message[0] != b'A' || !self.swallows.load(Ordering::SeqCst) {
                client.write_all(&message)?;
            }
        }
    }
}
