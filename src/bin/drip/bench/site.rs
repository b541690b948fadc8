//! Where is measured: a queue of its own, whose jobs are removed in the end.

use std::{fmt::Write, ops::RangeFrom, time::Duration};

use drip::{Client, JobFilter, NewJob, State, Worker};
use indicatif::{HumanCount, ProgressBar, ProgressFinish, ProgressState, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Outcome},
    interrupt::Interrupt,
};

/// The kind of its jobs.
pub const KIND: &str = "drip-bench";

/// How many jobs are inserted by one transaction at the most.
pub const BATCH: u32 = 10_000;

/// How often the bar moves.
pub const BEAT: Duration = Duration::from_millis(100);

/// Where is measured.
pub struct Site {
    pub client: Client,
    pub queue: String,
    pub interrupt: Interrupt,
    /// A job that is there all the time and never run: all others have larger ids, so that they are found among the many
    /// of a large table.
    anchor: i64,
}

impl Site {
    /// From now on there is something to be removed.
    pub fn open(client: Client, interrupt: Interrupt) -> Outcome<Site> {
        let queue = format!("{KIND}-{:08x}", fastrand::u32(..));
        let anchor = drip::insert_job(&client, new_job(&queue, json!({})).pending())?.job().id;
        Ok(Site { client, queue, interrupt, anchor })
    }

    /// Removes its jobs, and the anchor with them.
    pub fn close(&self) -> Outcome {
        let by_hand = format!("its jobs are left: `drip jobs delete --queue {} --kind {KIND} --yes`", self.queue);
        self.remove(self.anchor..).map_err(|failure| failure.advise(by_hand))
    }

    /// Removes its jobs.
    pub fn clear(&self) -> Outcome {
        self.remove(self.anchor + 1..)
    }

    fn remove(&self, ids: RangeFrom<i64>) -> Outcome {
        let what = match self.interrupt.is_asked() {
            true => "removing its jobs; another Ctrl+C leaves them there",
            false => "removing its jobs",
        };
        let bar = ProgressBar::new_spinner().with_message(what).with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(BEAT);
        let filter = JobFilter::new().queue(&self.queue).kind(KIND).id_range(ids);
        // Of a worker that has lost the database; what is running is not deleted.
        let removed = drip::rescue_jobs(&self.client, &filter.clone().state(State::Running))
            .and_then(|_| drip::delete_jobs(&self.client, &filter));
        removed?;
        Ok(())
    }

    pub fn job(&self, args: Value) -> NewJob {
        new_job(&self.queue, args)
    }

    /// Inserts so many jobs, each changed by `change`.
    pub fn fill(&self, jobs: u32, change: impl Fn(NewJob) -> NewJob) -> Outcome {
        let bar = bar("inserting", jobs);
        let mut inserted = 0;
        while inserted < jobs {
            self.go_on()?;
            let batch = inserted..jobs.min(inserted + BATCH);
            inserted = batch.end;
            drip::insert_many_fast(&self.client, batch.map(|n| change(self.job(json!({"n": n})))))?;
            bar.set_position(inserted.into());
        }
        Ok(())
    }

    /// A worker of its queue.
    pub fn worker(&self, threads: u32) -> Worker {
        Worker::new(&self.client).queue(self.queue.clone()).label(KIND).concurrency(threads as usize)
    }

    /// How many of its jobs have been completed, of those that are run through its client.
    pub fn completed(&self) -> u64 {
        let queue = &self.queue;
        let counter = format!("drip_attempts_ended_total{{queue=\"{queue}\",kind=\"{KIND}\",outcome=\"completed\"}} ");
        let text = self.client.metrics().to_string();
        text.lines().find_map(|line| line.strip_prefix(&counter)?.parse().ok()).unwrap_or(0)
    }

    /// Whether nobody has asked to stop.
    pub fn go_on(&self) -> Outcome {
        match self.interrupt.is_asked() {
            true => Err(Failure::failed("interrupted")),
            false => Ok(()),
        }
    }
}

fn new_job(queue: &str, args: Value) -> NewJob {
    NewJob::new(KIND, args).queue(queue.to_owned())
}

/// On standard error, and only on a terminal; gone with its last use.
pub fn bar(what: &'static str, jobs: u32) -> ProgressBar {
    let template = "{prefix} [{bar:20}] {human_pos} of {human_len} jobs, {rate}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, to: &mut dyn Write| {
        let _ = write!(to, "{}/s", HumanCount(state.per_sec() as u64));
    };
    let bar = ProgressBar::new(jobs.into()).with_prefix(what).with_style(style.with_key("rate", rate));
    bar.tick();
    bar.with_finish(ProgressFinish::AndClear)
}

/// Somebody keeps the jobs from being run.
pub fn not_run(time: Duration) -> Failure {
    Failure::failed(format!("no job was run within {} s", time.as_secs()))
        .advise("are all queues paused? `drip queues resume --all` serves them again; else `drip doctor` may know")
}
