//! The thought, written once for all databases: what each verb does to the rows.
//!
//! Everything here is given a [`Sql`](crate::dialect::Sql), and neither knows nor asks whether that is a connection of
//! ours or the caller's own transaction.

mod bulk;
pub(crate) mod claim;
pub(crate) mod complete;
mod count;
mod criteria;
pub(crate) mod due;
mod edit;
pub(crate) mod ending;
pub(crate) mod expire;
pub(crate) mod fire;
pub(crate) mod insert;
mod list;
mod load;
mod new_row;
pub(crate) mod overdue;
mod queue_list;
pub(crate) mod queues;
pub(crate) mod read;
pub(crate) mod reindex;
mod replace;
pub(crate) mod retain;
pub(crate) mod schedules;
pub(crate) mod settle;
pub(crate) mod stretch;
pub(crate) mod stride;
pub(crate) mod survey;
pub(crate) mod tidy;
pub(crate) mod timetable;
mod verbs;
mod why;
pub(crate) mod workers;

pub use bulk::{Changed, cancel_jobs, delete_jobs, discard_jobs, rescue_jobs, retry_jobs};
pub use claim::fetch_jobs;
pub use count::{JobCount, JobCounts, count_jobs};
pub use due::promote_jobs;
pub use edit::{delete_job, swap_job, update_job};
pub use ending::Failure;
pub use expire::expire_jobs;
pub use fire::{Fired, fire_schedules};
pub use insert::{Inserted, insert_job, insert_many};
pub use list::{Cursor, Listed, Page, list_jobs};
pub use load::insert_many_fast;
pub use overdue::rescue_overdue_jobs;
pub use queue_list::list_queues;
pub use queues::{get_queue, pause_all, pause_queue, resume_all, resume_queue, upsert_queue};
pub use read::{database_time, get_job};
pub use reindex::reindex;
pub use retain::retain_jobs;
pub use schedules::{
    delete_schedule, get_schedule, list_schedules, pause_schedule, resume_schedule, run_schedule_now, upsert_schedule,
};
pub use settle::Target;
pub use tidy::tidy;
pub use timetable::{TaskInfo, list_tasks};
pub use verbs::{
    cancel_job, complete_job, discard_job, fail_job, record_output, release_job, retry_completed_job, retry_job,
    snooze_job,
};
pub use why::{Why, why_job};
pub use workers::{WorkerInfo, list_workers, renew_lease};
