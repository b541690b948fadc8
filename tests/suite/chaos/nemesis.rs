//! Who makes the trouble: which, and when, follows from a seed.

use std::{
    collections::BTreeMap,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use drip::{Client, Dialect, cancel_job, pause_schedule};

use super::{
    crew::{Member, Role},
    ledger::{Entry, Ledger},
    rows::{number, rows},
    server::Server,
    trap,
    worker::{LEASE, TICK},
};
use crate::support::{Db, patiently};

/// How long what has been inserted may take to come to an end once nobody makes trouble any more.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);

pub struct Nemesis {
    db: Db,
    client: Client,
    server: Option<Server>,
    notes: Ledger,
    seed: u64,
    /// Of the deed that is being done: what one leaves undone changes nothing for those that follow.
    rng: fastrand::Rng,
    crew: Vec<Member>,
    /// How often each kind of trouble was made.
    pub deeds: BTreeMap<&'static str, u32>,
}

type Deed = fn(&mut Nemesis);

/// What there is to do, and how often.
const DEEDS: [(&str, usize, Deed); 9] = [
    ("kill a worker", 3, |it| it.kill(Role::Worker)),
    ("kill a producer", 2, |it| it.kill(Role::Producer)),
    ("set a trap for a worker", 4, |it| it.entrap(Role::Worker)),
    ("set a trap for a producer", 3, |it| it.entrap(Role::Producer)),
    ("stop a worker", 2, Nemesis::stop),
    ("freeze a worker", 6, Nemesis::freeze),
    ("terminate connections", 3, Nemesis::terminate_connections),
    ("crash the server", 2, Nemesis::crash_server),
    ("interfere", 3, Nemesis::interfere),
];

impl Nemesis {
    pub fn new(url: &str, server: Option<Server>, ledger: &Path, seed: u64) -> Nemesis {
        let member = |role, number| Member::new(role, number, url, ledger.to_owned());
        let crew = (1..=2).map(|number| member(Role::Producer, number));
        Nemesis {
            db: Db::at(url),
            client: Client::connect(url).unwrap(),
            server,
            notes: Ledger::open(ledger, "nemesis"),
            seed,
            rng: fastrand::Rng::with_seed(seed),
            crew: crew.chain((1..=3).map(|number| member(Role::Worker, number))).collect(),
            deeds: BTreeMap::new(),
        }
    }

    /// Makes trouble for this long.
    pub fn rage(&mut self, span: Duration) {
        let all = DEEDS.iter().flat_map(|(name, weight, deed)| std::iter::repeat_n((*name, *deed), *weight));
        let all: Vec<_> = all.collect();
        let mut plan = fastrand::Rng::with_seed(self.seed);
        self.look_after_the_crew(Duration::from_millis(1));
        let until = Instant::now() + span;
        while Instant::now() < until {
            let (name, deed) = all[plan.usize(0..all.len())];
            self.rng = plan.fork();
            deed(self);
            *self.deeds.entry(name).or_default() += 1;
            self.look_after_the_crew(Duration::from_millis(plan.u64(50..450)));
        }
    }

    /// Whoever is gone comes again, and who is frozen goes on when it is time.
    fn look_after_the_crew(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            for index in 0..self.crew.len() {
                self.crew[index].thaw_in_time(&self.db);
                if self.crew[index].is_gone() {
                    self.revive(index, None);
                }
            }
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Lets everything come to its end; whether it has.
    pub fn drain(&mut self) -> bool {
        self.crew.retain(|member| member.role == Role::Worker);
        self.crew.iter_mut().for_each(Member::thaw);
        for member in self.crew.iter_mut().filter(|member| member.is_trapped()) {
            member.kill();
        }
        // A connection of the client's may have died with the server, unnoticed so far.
        patiently(|| pause_schedule(&self.client, TICK));
        let until = Instant::now() + DRAINED_WITHIN;
        let left = "SELECT count(*) FROM drip_job WHERE finalized_at IS NULL";
        let mut drained = false;
        while !drained && Instant::now() < until {
            for index in 0..self.crew.len() {
                if self.crew[index].is_gone() {
                    self.revive(index, None);
                }
            }
            drained = number(&self.db, left).unwrap() == 0;
            thread::park_timeout(Duration::from_millis(20));
        }
        self.crew.iter_mut().for_each(Member::dismiss);
        drained
    }

    fn revive(&mut self, index: usize, trap: Option<String>) {
        self.crew[index].revive(self.seed.wrapping_add(index as u64), trap);
    }

    fn note(&self, what: String) {
        self.notes.note(Entry::Did(what));
    }

    /// One of them.
    fn any(&mut self, role: Role) -> usize {
        let those: Vec<_> = (0..self.crew.len()).filter(|index| self.crew[*index].role == role).collect();
        those[self.rng.usize(0..those.len())]
    }

    fn kill(&mut self, role: Role) {
        let index = self.any(role);
        self.note(format!("kill {role:?} {index}"));
        self.crew[index].kill();
    }

    fn entrap(&mut self, role: Role) {
        let index = self.any(role);
        let points = if role == Role::Producer { &trap::OF_PRODUCERS[..] } else { &trap::OF_WORKERS[..] };
        let trap = format!("{}:{}", points[self.rng.usize(0..points.len())], self.rng.u32(1..15));
        self.note(format!("let {role:?} {index} abort at {trap}"));
        self.revive(index, Some(trap));
    }

    fn stop(&mut self) {
        let index = self.any(Role::Worker);
        self.note(format!("stop worker {index}"));
        self.crew[index].stop();
    }

    fn freeze(&mut self) {
        let index = self.any(Role::Worker);
        if self.crew[index].is_frozen() || self.crew[index].is_gone() {
            return;
        }
        self.note(format!("freeze worker {index}"));
        if self.rng.bool() {
            return self.crew[index].freeze(Instant::now() + LEASE.mul_f64(0.5 + 3.0 * self.rng.f64()));
        }
        self.crew[index].freeze(Instant::now() + 5 * LEASE);
        self.crew[index].thaw_when_overtaken(&self.db);
    }

    fn terminate_connections(&mut self) {
        let rest = self.rng.u8(0..3);
        self.note(format!("terminate connections, {rest} of 3"));
        let chosen = format!("% 3 >= {rest}");
        // Each may have gone by itself.
        let _ = match self.db.dialect {
            Dialect::Postgres => rows(
                &self.db,
                &format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid {chosen}"
                ),
            ),
            Dialect::Mariadb => self.kill_connections(&chosen),
            _ => Ok(Vec::new()),
        };
    }

    fn kill_connections(&self, chosen: &str) -> drip::Result<Vec<Vec<String>>> {
        let others = format!(
            "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id() AND id {chosen}"
        );
        for id in rows(&self.db, &others)? {
            let _ = rows(&self.db, &format!("KILL CONNECTION {}", id[0]));
        }
        Ok(Vec::new())
    }

    fn crash_server(&mut self) {
        if let Some(server) = &mut self.server {
            self.notes.note(Entry::Did("crash the server".to_owned()));
            server.crash();
        }
    }

    /// As people do: cancel a job, whatever it is at, or migrate once more.
    fn interfere(&mut self) {
        if self.crew.iter().any(Member::is_frozen) {
            return; // it may have locked what would be waited for, and it is thawed from here
        }
        if self.rng.u8(0..4) == 0 {
            self.note("migrate".to_owned());
            let _ = self.client.migrate();
            return;
        }
        let Ok(latest) = number(&self.db, "SELECT max(id) FROM drip_job") else { return };
        let id = latest - self.rng.i64(0..20);
        self.note(format!("cancel job {id}"));
        let _ = cancel_job(&self.client, id);
    }
}
