//! Handlers: closures and functions of several shapes, made into one.

use std::{collections::HashMap, error::Error as StdError, sync::Arc};

use serde::de::DeserializeOwned;

use super::{context::Context, outcome::Outcome};
use crate::{Dialect, dialect::OpenTransaction};

/// What handlers fail with.
pub(super) type Failed = Box<dyn StdError + Send + Sync>;

/// What a handler answers, where a closure needs to be told: any error fits into it.
///
/// ```
/// use drip::{Context, HandlerResult};
///
/// fn greet(_: &Context, args: serde_json::Value) -> HandlerResult {
///     let name = args["name"].as_str().ok_or("no name")?;
///     println!("Hello {name}");
///     Ok(())
/// }
/// ```
pub type HandlerResult<O = ()> = Result<O, Box<dyn StdError + Send + Sync>>;

/// Something that runs jobs. Closures and functions of these shapes are handlers:
///
/// - `Fn(&Context, T) -> Result<O, E>`;
/// - `Fn(&mut Tx, &Context, T) -> Result<O, E>`, a *transactional handler*, where `Tx` is `postgres::Transaction`,
///   `mysql::Transaction` or `rusqlite::Transaction`: the library opens the transaction, the job's settlement joins it,
///   and one commit does both, or neither.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # fn worker(client: &drip::Client) -> drip::Worker {
/// use drip::{Context, HandlerResult, Worker};
/// use serde_json::Value;
///
/// Worker::new(client)
///     .handle_kind("say", |_: &Context, args: Value| -> HandlerResult {
///         println!("{}", args["text"]);
///         Ok(())
///     })
///     .handle_kind("pay", |tx: &mut rusqlite::Transaction, context: &Context, _: Value| -> HandlerResult {
///         tx.execute("INSERT INTO payments (job) VALUES (?1)", [context.job().id])?;
///         Ok(()) // now the payment and the completion of the job are committed
///     })
/// # }
/// ```
///
/// A transactional handler neither commits nor rolls back; an error or a panic takes back what it wrote. On SQLite it
/// holds the one write lock while it runs.
///
/// `T` is the payload, `O` is `()` or an [`Outcome`], and `E` any error that a `Box<dyn Error + Send + Sync>` can hold.
/// `M` is found by the compiler from the types at the closure's arguments, which must be written out.
#[diagnostic::on_unimplemented(
    message = "this is not a handler",
    label = "a handler is `|context: &Context, args: T| …` or `|tx: &mut rusqlite::Transaction, context: &Context, args: T| …` and answers a `Result<(), E>` or `Result<Outcome, E>`; write the types of its arguments, and `-> HandlerResult` if that of its error cannot be inferred; `T` needs `serde::Deserialize`, and the handler is no `async fn`"
)]
pub trait Handler<M>: sealed::Handler<M> {}

impl<M, H: sealed::Handler<M>> Handler<M> for H {}

/// A handler whose shape and payload are forgotten.
#[derive(Clone)]
pub(super) enum Run {
    Plain(Arc<PlainRun>),
    Transactional(Dialect, Arc<TransactionalRun>),
}

type PlainRun = dyn Fn(&Context) -> Result<Outcome, Failed> + Send + Sync;

type TransactionalRun = dyn Fn(&mut OpenTransaction<'_, '_>, &Context) -> Result<Outcome, Failed> + Send + Sync;

/// The handlers of a worker, by kind.
pub(super) type Handlers = HashMap<String, Run>;

pub(crate) mod sealed {
    use super::*;

    pub trait Handler<M> {
        /// The payload.
        type Args: DeserializeOwned;
        #[allow(private_interfaces)] // sealed: nobody outside calls it
        fn into_run(self) -> Run;
    }

    /// Marks plain handlers.
    pub struct Plain;

    impl<F, T, O, E> Handler<(Plain, T, O, E)> for F
    where
        F: Fn(&Context, T) -> Result<O, E> + Send + Sync + 'static,
        T: DeserializeOwned,
        O: Into<Outcome>,
        E: Into<Failed>,
    {
        type Args = T;

        #[allow(private_interfaces)] // as above
        fn into_run(self) -> Run {
            Run::Plain(Arc::new(move |context| {
                let args = context.job().args_as()?;
                self(context, args).map(Into::into).map_err(Into::into)
            }))
        }
    }

    /// One shape of transactional handler a driver.
    macro_rules! transactional {
        ($feature:literal, $driver:ty, $transaction:ident :: $type:ident, $dialect:ident, $pattern:pat => $tx:ident) => {
            #[cfg(feature = $feature)]
            impl<F, T, O, E> Handler<($driver, T, O, E)> for F
            where
                F: for<'t, 'c> Fn(&'t mut $transaction::$type<'c>, &Context, T) -> Result<O, E> + Send + Sync + 'static,
                T: DeserializeOwned,
                O: Into<Outcome>,
                E: Into<Failed>,
            {
                type Args = T;

                #[allow(private_interfaces, unreachable_patterns)] // as above; with one driver there is one pattern
                fn into_run(self) -> Run {
                    let run = move |transaction: &mut OpenTransaction<'_, '_>, context: &Context| match transaction {
                        $pattern => {
                            let args = context.job().args_as()?;
                            self($tx, context, args).map(Into::into).map_err(Into::into)
                        }
                        _ => Err("the handler wants another driver's transaction".into()),
                    };
                    Run::Transactional(Dialect::$dialect, Arc::new(run))
                }
            }
        };
    }

    transactional!("postgres", postgres::Client, postgres::Transaction, Postgres, OpenTransaction::Postgres(tx, _) => tx);
    transactional!("mariadb", mysql::Conn, mysql::Transaction, Mariadb, OpenTransaction::Mariadb(tx) => tx);
    transactional!("sqlite", rusqlite::Connection, rusqlite::Transaction, Sqlite, OpenTransaction::Sqlite(tx) => tx);
}
