//! The conformance suite: written once, run on every database, in the library's own transactions and in a caller's.
//!
//! `tests/run` starts the servers; without it the first test that needs one starts them itself.

#[macro_use]
mod support;

mod addresses; // a URL that leads to no server of its kind is told in time, and not repeated
mod any_input; // input of any kind is taken as it is, or refused by name
mod bad_input; // what cannot be is refused before anything is sent, and spoils nothing
mod bound; // behind very many jobs that a worker does not handle, its own are run; whoever comes ahead of them too
mod bulk; // all jobs that a filter leaves are changed, batch by batch
mod cancel_running; // a job that is cancelled while it runs: the row at once, the handler soon
mod chaos; // producers, workers and their server are killed, frozen and cut off at random, and a checker finds nothing amiss
mod claim; // a claim takes the next jobs, each for one worker only
#[cfg(feature = "cli")]
mod cli; // what the command line shows, refuses, asks, and answers to scripts
mod commit; // a job comes to be exactly if its transaction commits
mod count; // how many jobs there are, and where counting ends
mod crash; // worker processes are killed, frozen, abort, and lose their database: each job is run, and counts, once
mod database_lost; // the database goes away, and the worker goes on when it is back
mod differential; // every database answers the same calls the same
mod edit; // jobs that wait or have ended are changed, and removed, whole
mod examine; // what slows or stops the queue is found, and told with what to type
mod examples; // every example runs on every database, and shows what it is there for
mod faults; // whichever call fails, and however: done once, or not at all, and the client goes on
mod fence; // nothing that an earlier claim does touches a later one
mod firing; // each slot of a schedule yields one job, whoever looks and whatever the clock does
mod handlers; // handlers that do what handlers should not
mod history; // what a job remembers of its attempts is bounded, and can always be recorded
mod insert; // a job is what was asked for, inserted alone or in a batch
mod interleavings; // two or three that meet at a job come one after the other, in whatever order they begin, act and end
mod late; // what a handler answers when its claim has ended counts for nobody
mod list; // lists show what was asked for, each job once
mod liveness; // a worker that dies is missed, and its jobs go to others
mod load; // as many jobs as there are, as fast as the database takes them
mod maintenance; // upkeep in the background: settings, threads, a stop, a database that is away
mod matrix; // every verb in every state: the move, nothing, or a refusal
mod metrics; // what is counted and timed, and the text that Prometheus reads
mod middleware; // what runs around inserts and handlers sees, changes, refuses, and breaks nothing
mod migrate; // a schema comes and goes whole, whoever migrates beside whom, and whoever is killed
mod migrate_mariadb; // where each statement commits by itself, what a crash left is taken up again
mod model; // whatever is done in whatever order, every column is what a model in memory says
mod notifications; // PostgreSQL's notifications are sent, heard, and done without
mod odd_names; // what plain SQL has called by no proper name can be found, paused and resumed
mod odd_times; // times that plain SQL wrote and no calendar has stop no queue
mod on_duplicate; // a duplicate puts its content into the job that waits, and into no other
mod once; // one job in the caller's thread, in one transaction
mod outcomes; // what a handler answers is what becomes of its job
mod output; // what a job has to show, and its metadata
mod overdue; // what runs for too long goes to others, though its worker lives
mod panics; // whatever panics costs one attempt, and no thread
mod pause; // a queue that is paused is left alone within a second, and served at once when it is resumed
mod periodic; // whoever looks after schedules declares them, and inserts their jobs when it is time
mod plain_sql; // a row inserted with a console is a job, and what is no job the table refuses
mod plans; // the hot statements read what they need and nothing else
mod prepared; // a statement that was prepared once can be run again and again
mod queue_rows; // what is kept with a queue, and what is counted of it
mod queues; // limits, weights and order among the queues of a worker
mod readme; // what the README says of the tests is so
mod reindex; // indexes are built anew where others can go on meanwhile
mod retention; // what has ended goes away when its time is over, and nothing else does
mod roles; // each role can do what it is there for, and nothing else
mod schedules; // jobs that come again and again are declared, read, paused, and run by hand
mod schema; // what the migrations lead to is what is on file
mod search_timeout; // a search that takes too long is given up
mod session; // every verb takes a client, a transaction, a plain or a pooled connection
mod settings; // on a connection of the application's own, verbs change no setting and depend on none
mod settling; // what ends at the same time is recorded at the same time
mod soak; // however long a process works, it holds no more than at the beginning
mod sql; // the SQL on file agrees with itself and with the code
mod sql_shaped; // what looks like SQL is data
mod sqlite_writers; // SQLite's other writers are waited for
mod stop; // what runs may end, what has not begun goes back
mod stop_deadline; // handlers that do not return, and what a stop says of them
mod stop_without_answer; // a stop keeps its deadline though the database keeps it waiting
mod stop_without_database; // a stop keeps its deadline and tells the truth, though the database is away
mod tidy; // what an engine leaves to others is done for its tables
mod timeouts; // attempts whose time is up, and threads that do not come back
mod timetable; // each task of upkeep is done once per interval, whoever offers, dies, or has another clock
#[cfg(feature = "tracing")]
mod tracing; // spans and events for `tracing`, at fitting levels and without args
mod transaction_lost; // when the database has ended the transaction, each verb notices and writes nothing
mod transactional; // effects, child jobs and settlement in one commit
#[cfg(feature = "cli")]
mod tui; // the terminal UI, in a terminal
#[cfg(feature = "cli")]
mod tui_without_answer; // the terminal UI while the database is slow or away
mod unique; // what makes a job the same as another, and the keys that stand for it
mod unique_moves; // a move into a unique key that another job holds
mod unique_races; // a unique job is there once, whoever inserts it at the same time and under whatever isolation
mod unique_states; // a key is held in the states that the insert named; a move into a taken key fails nobody else
mod unworkable; // settings that leave a queue no room are told, and spoil nothing
mod upgrade; // an older worker goes on while the schema comes up, and a newer one works beside it
mod wake; // an idle worker learns of new jobs at once
mod why; // why a job is not running
mod worker; // what is in the queue is run: once each, and soon
mod worker_settings; // what makes no sense is refused at the start
