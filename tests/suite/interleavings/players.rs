//! Sessions that are led step by step: each has a thread and a connection of its own, in which it begins a transaction, looks,
//! does one thing, and ends, when it is told to.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::Scope,
};

use drip::{Job, JobFilter, Result, delete_job, fetch_jobs, rescue_jobs};
use jiff::Timestamp;
use mysql::prelude::Queryable;

use crate::support::{
    Db, End, PATIENCE, Plain, Tx,
    jobs::{ask, ask_by_id},
};

/// What one of them does to the one job there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    Claim,
    /// Verbs of the job's latest claim.
    Ours(&'static str),
    /// Verbs of the claim before that, if there was one.
    Theirs(&'static str),
    /// Verbs of an operator.
    Operators(&'static str),
    Rescue,
    Delete,
}

/// What that has answered: the jobs of the answer, or why there is none.
pub type Answer = std::result::Result<Vec<Job>, String>;

/// As the answer of what had to be given up: nothing of it counts.
pub const GIVEN_UP: &str = "given up";

/// The job as the test begins, and its claims, the latest one last.
#[derive(Debug, Clone)]
pub struct Scene {
    pub job: Job,
    pub claims: [Job; 2],
}

impl Op {
    pub fn run(self, tx: &mut Tx<'_, '_>, scene: &Scene) -> Answer {
        let [theirs, ours] = &scene.claims;
        let one = |answer: Result<Job>| answer.map(|job| vec![job]);
        let answer = match self {
            Op::Claim => fetch_jobs(tx.on(), &scene.job.queue, "claimer", 2),
            Op::Ours(verb) => one(ask(verb, tx.on(), ours)),
            Op::Theirs(verb) => one(ask(verb, tx.on(), theirs)),
            Op::Operators(verb) => one(ask_by_id(verb, tx.on(), scene.job.id)),
            Op::Rescue => rescue_jobs(tx.on(), &JobFilter::new().id(scene.job.id)).map(|_| Vec::new()),
            Op::Delete => one(delete_job(tx.on(), scene.job.id)),
        };
        answer.map_err(|error| match error {
            _ if error.is_transient() => GIVEN_UP.to_owned(),
            _ if error.is_lost_claim() => "lost claim".to_owned(),
            _ if error.is_not_found() => "not found".to_owned(),
            _ if error.is_wrong_state() => format!("wrong state: {:?}", error.state()),
            _ => panic!("nobody asked for this error: {error}"),
        })
    }
}

enum Cue {
    Begin,
    Look,
    Do(Op, Box<Scene>),
    End(End),
}

pub enum Reply {
    /// By which number the database knows the session.
    Begun(i64),
    Looked,
    Done(Answer),
    Ended,
}

/// Some players, and what they call back.
pub struct Cast {
    cues: Vec<Sender<Cue>>,
    replies: Receiver<(usize, Reply)>,
    observer: Plain,
    now: Timestamp,
}

impl Cast {
    pub fn enter<'s>(scope: &'s Scope<'s, '_>, db: &Db, count: usize) -> Cast {
        let (call, replies) = channel();
        let now = db.clock.now();
        let mut cues = Vec::new();
        for player in 0..count {
            let (cue, cued) = channel();
            let (connection, call) = (connect(db), call.clone());
            scope.spawn(move || play(connection, now, &cued, |reply| call.send((player, reply)).unwrap()));
            cues.push(cue);
        }
        Cast { cues, replies, observer: connect(db), now }
    }

    /// What the observer does, in a transaction of its own.
    pub fn observe<T>(&mut self, work: impl FnOnce(&mut Tx<'_, '_>) -> T) -> T {
        let (answer, ended) = self.observer.ended_by(self.now, |_| End::Commit, work);
        ended.unwrap();
        answer
    }

    /// Lets a player begin a transaction, and answers the number of its session.
    pub fn begin(&mut self, player: usize, looks: bool) -> i64 {
        self.cue(player, Cue::Begin);
        let Reply::Begun(session) = self.reply_of(player) else { panic!("player {player} has not begun") };
        if looks {
            self.cue(player, Cue::Look);
            assert!(matches!(self.reply_of(player), Reply::Looked));
        }
        session
    }

    pub fn start(&mut self, player: usize, op: Op, scene: &Scene) {
        self.cue(player, Cue::Do(op, Box::new(scene.clone())));
    }

    pub fn end(&mut self, player: usize, end: End) {
        self.cue(player, Cue::End(end));
    }

    fn cue(&mut self, player: usize, cue: Cue) {
        self.cues[player].send(cue).unwrap();
    }

    /// The next reply of any of them.
    pub fn reply(&mut self) -> (usize, Reply) {
        self.replies.recv_timeout(PATIENCE).expect("somebody replies")
    }

    fn reply_of(&mut self, player: usize) -> Reply {
        let (of, reply) = self.reply();
        assert_eq!(of, player, "nobody else has been asked for anything");
        reply
    }

    /// Waits until somebody replies, or the database says that the session waits for another.
    pub fn reply_or_wait(&mut self, session: i64) -> Option<(usize, Reply)> {
        loop {
            if let Ok(reply) = self.replies.try_recv() {
                return Some(reply);
            }
            if waits(&mut self.observer, session) {
                return None;
            }
            std::thread::yield_now();
        }
    }
}

/// A connection that is shown no job as it will never be. Under MariaDB's READ UNCOMMITTED a verb that takes a filter passes
/// by what somebody else has changed, and then has not: nothing is done twice, but something perhaps not at all.
fn connect(db: &Db) -> Plain {
    let mut connection = db.connection().unwrap();
    if let Plain::Mariadb(conn) = &mut connection {
        let (dirty, committed) = ("READ-UNCOMMITTED", "READ-COMMITTED");
        conn.query_drop(format!(
            "SET SESSION tx_isolation = IF(@@tx_isolation = '{dirty}', '{committed}', @@tx_isolation)"
        ))
        .unwrap();
    }
    connection
}

/// Whether the session waits for a lock; SQLite cannot say.
fn waits(observer: &mut Plain, session: i64) -> bool {
    match observer {
        Plain::Postgres(client) => {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1::bigint AND wait_event_type = 'Lock'";
            client.query_one(waiting, &[&session]).unwrap().get::<_, i64>(0) > 0
        }
        // The tables that know it show nothing new to whoever asks more often than every 100 ms.
        Plain::Mariadb(conn) => {
            let status: Option<(String, String, String)> = conn.query_first("SHOW ENGINE INNODB STATUS").unwrap();
            let (_, _, text) = status.unwrap();
            let (waiting, thread) = ("LOCK WAIT", format!("MariaDB thread id {session},"));
            text.split("---TRANSACTION").any(|one| one.contains(waiting) && one.contains(&thread))
        }
        Plain::Sqlite(_) => false,
    }
}

fn play(mut connection: Plain, now: Timestamp, cued: &Receiver<Cue>, call: impl Fn(Reply)) {
    // The test is over when nobody gives cues any more.
    while let Ok(Cue::Begin) = cued.recv() {
        let work = |tx: &mut Tx<'_, '_>| {
            call(Reply::Begun(tx.session()));
            loop {
                match cued.recv() {
                    Ok(Cue::Look) => {
                        tx.number("SELECT count(*) FROM drip_job");
                        call(Reply::Looked);
                    }
                    Ok(Cue::Do(op, scene)) => call(Reply::Done(op.run(tx, &scene))),
                    Ok(Cue::End(end)) => return end,
                    Ok(Cue::Begin) | Err(_) => return End::Rollback,
                }
            }
        };
        let (_, ended) = connection.ended_by(now, |end| *end, work);
        ended.unwrap();
        call(Reply::Ended);
    }
}
