//! A worker before it is started: what it serves, what it runs, and how.

use std::{borrow::Cow, sync::Arc, time::Duration};

use crossbeam_channel::bounded;

use super::{
    Shared,
    budget::Budget,
    context::Context,
    finished::MAILBOX,
    handler::{Handler, HandlerResult, Run, sealed},
    health::Signs,
    in_hand::InHand,
    middleware::Next,
    orders::Orders,
    outcome::Outcome,
    pace::MAX_AHEAD,
    queues::Queue,
    runners::Runners,
    running::Running,
    settings::Settings,
    slot::Slots,
    stop::Manner,
};
use crate::{Client, Error, JobArgs, Result, RetryPolicy, machine::Owner, name};

/// A worker: handlers for kinds of jobs, and the queues that it takes them from.
///
/// ```no_run
/// use drip::{Client, Context, HandlerResult, JobArgs, Worker};
/// use std::time::Duration;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct WelcomeEmail {
///     user_id: i64,
/// }
///
/// impl JobArgs for WelcomeEmail {
///     const KIND: &'static str = "welcome_email";
/// }
///
/// # fn main() -> drip::Result<()> {
/// # let client = Client::connect("sqlite://app.db")?;
/// let running = Worker::new(&client)
///     .handle(|_: &Context, email: WelcomeEmail| -> HandlerResult {
///         println!("Welcome, {}", email.user_id);
///         Ok(())
///     })
///     .concurrency(4)
///     .start()?;
/// // …
/// let report = running.stop(Duration::from_secs(30));
/// assert!(report.is_clean());
/// # Ok(()) }
/// ```
///
/// Jobs are claimed from the head of each queue. Only where that has become slow (5 ms and more, mostly because there are
/// very many jobs of kinds that the worker does not handle) does it go on from where the last claim ended. What becomes
/// available ahead of that is then found late: within about a second if it is due within the last five, else by the next
/// claim from the head, which comes at least every five minutes and takes at most a twentieth of the time.
///
/// Nothing is checked before [`start`](Worker::start). A worker can be started again, and several times at once: each
/// start is a worker of its own. The first one of a process puts a panic hook in front of the one that is there, which
/// notes the backtraces of panicking handlers and passes everything on.
#[must_use = "a worker does nothing until it is started"]
pub struct Worker {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) label: Cow<'static, str>,
    problem: Option<Problem>,
}

/// What is wrong with a setting, kept until it is checked.
struct Problem {
    field: &'static str,
    text: String,
}

impl Worker {
    /// A worker of this client's database, which serves the queue `default` with 10 threads and has no handlers yet.
    pub fn new(client: &Client) -> Self {
        Worker { client: client.clone(), settings: Settings::default(), label: "drip".into(), problem: None }
    }

    /// Runs jobs of the payload's kind with this handler, plain or transactional; see [`Handler`].
    ///
    /// A payload that cannot be read as the handler's type fails the attempt.
    pub fn handle<M, H: Handler<M>>(self, handler: H) -> Self
    where
        <H as sealed::Handler<M>>::Args: JobArgs,
    {
        self.add(<H as sealed::Handler<M>>::Args::KIND.to_owned(), handler.into_run())
    }

    /// Runs jobs of a kind that has no type of its own: the handler's payload is anything that can be read from JSON, for
    /// example `serde_json::Value`.
    pub fn handle_kind<M, H: Handler<M>>(self, kind: impl Into<String>, handler: H) -> Self {
        self.add(kind.into(), handler.into_run())
    }

    fn add(mut self, kind: String, run: Run) -> Self {
        if self.settings.handlers.contains_key(&kind) {
            self.problem.get_or_insert(Problem { field: "handler", text: format!("the kind {kind:?} has two") });
        }
        self.settings.handlers.insert(kind, run);
        self
    }

    /// Runs `middleware` around every handler, plain and transactional ones alike. Of several the one that was added first is
    /// the outermost.
    ///
    /// ```
    /// # fn worker(client: &drip::Client) -> drip::Worker {
    /// use drip::{Context, Next, Outcome, Worker};
    ///
    /// Worker::new(client).middleware(|context: &Context, next: Next| {
    ///     let answer = next.run();
    ///     if let Err(error) = &answer {
    ///         eprintln!("attempt {} at job {}: {error}", context.attempt(), context.job().id);
    ///     }
    ///     answer
    /// })
    /// # }
    /// ```
    ///
    /// What it answers counts, whatever the handler has answered, and also if it did not run [`next`](Next::run) at all. But
    /// a transactional handler that has failed has its writes taken back even where middleware makes a success of that.
    /// A panic in it fails the attempt.
    pub fn middleware(
        mut self,
        middleware: impl Fn(&Context, Next<'_>) -> HandlerResult<Outcome> + Send + Sync + 'static,
    ) -> Self {
        self.settings.middleware.push(Arc::new(middleware));
        self
    }

    /// Serves this queue, beside those named before. Default: `default`, if none is named.
    pub fn queue(mut self, queue: impl Into<Queue>) -> Self {
        self.settings.queues.push(queue.into());
        self
    }

    /// Serves any queue in which there are jobs, with equal shares.
    pub fn any_queue(mut self) -> Self {
        self.settings.any_queue = true;
        self
    }

    /// Serves the queues strictly in the order in which they were named: while there is a job in the first, none is
    /// taken from the second. Default: each has a share by its weight, so that none starves.
    pub fn strict_order(mut self) -> Self {
        self.settings.strict = true;
        self
    }

    /// How many jobs run at a time: threads, from 1 to 10,000. Default: 10.
    pub fn concurrency(mut self, threads: usize) -> Self {
        self.settings.concurrency = threads;
        self
    }

    /// How often an idle worker asks for jobs that nobody has told it of: from 1 ms to 1 h. Default: 1 s.
    ///
    /// On MariaDB, where there is no other way, a worker that has just had work asks more often.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll_interval = interval;
        self
    }

    /// When failed jobs run again. Default: [`RetryPolicy::default`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// When failed jobs of this kind, which must have a handler, run again. Default: that of the worker.
    pub fn retry_for(mut self, kind: impl Into<String>, policy: RetryPolicy) -> Self {
        self.settings.retry_by_kind.insert(kind.into(), policy);
        self
    }

    /// How long an attempt may take, if neither its job nor its kind says so: from 1 ms to 10 years. Default: no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// How long an attempt of this kind, which must have a handler, may take, if its job does not say so. Default: that of
    /// the worker.
    pub fn timeout_for(mut self, kind: impl Into<String>, timeout: Duration) -> Self {
        self.settings.timeout_by_kind.insert(kind.into(), timeout);
        self
    }

    /// A name for people, in front of the worker's id: 1 to 127 bytes. Default: `drip`.
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = label.into();
        self
    }

    /// How long after its time is up, or its claim has ended, a handler counts as stuck. Its thread is then replaced by
    /// another. Default: 5 s.
    pub fn stuck_after(mut self, patience: Duration) -> Self {
        self.settings.stuck_after = patience;
        self
    }

    /// How many threads at most are replaced at a time because their handlers are stuck; beyond that the worker has less
    /// capacity, and says so in its [`Health`](crate::Health). Default: as many as its concurrency.
    pub fn max_replacements(mut self, threads: usize) -> Self {
        self.settings.max_replacements = threads;
        self
    }

    /// How long this worker may be silent before others take it for dead and run its jobs: from 100 ms to 1 h. Its heart beats
    /// six times as often, on a thread and a connection of its own. Default: 30 s.
    ///
    /// A process that is frozen for longer loses its claims: what its handlers then answer is refused, and what they wrote in
    /// transactions of the library's is rolled back.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Starts the threads.
    ///
    /// The database need not be there: the worker waits for it.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) for a setting outside its range, a kind or a queue that is named
    /// twice, no handler, or a transactional handler of another database's driver;
    /// [`is_unavailable`](Error::is_unavailable) if a thread cannot be started.
    pub fn start(&self) -> Result<Running> {
        Running::start(Arc::new(self.shared()?))
    }

    /// Checks everything, and puts together what the threads share.
    fn shared(&self) -> Result<Shared> {
        self.check()?;
        let mut settings = self.settings.clone();
        settings.max_replacements = settings.max_replacements.min(settings.concurrency);
        if settings.queues.is_empty() && !settings.any_queue {
            settings.queues.push(Queue::new("default"));
        }
        // All that may be claimed, and a dismissal for every thread and every replacement.
        let orders = MAX_AHEAD + 4 * settings.concurrency + 16;
        let owner = Owner::new(&self.client, &self.label);
        Ok(Shared {
            client: self.client.clone(),
            id: owner.id.clone(),
            stop: owner.stop.clone(),
            owner,
            label: self.label.clone(),
            kinds: settings.kinds(),
            budget: Budget::new(settings.queues.len()),
            slots: Slots::default(),
            manner: Manner::default(),
            orders: Orders::new(orders),
            finished: bounded(MAILBOX),
            settling: InHand::default(),
            giving_back: InHand::default(),
            ear: self.client.wake().ear(),
            watch: bounded(1),
            health: Signs::new(),
            runners: Runners::default(),
            settings,
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(problem) = &self.problem {
            return Err(Error::invalid(problem.field, problem.text.clone()));
        }
        name::check("label", &self.label)?;
        self.settings.check(self.client.dialect())
    }
}
