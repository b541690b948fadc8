//! What keys, answers and time do, without a terminal.

use std::time::Duration;

use drip::{JobFilter, NewJob, State, Verb};
use serde_json::json;

use super::*;
use crate::tui::{
    change::Targets,
    fixture::{Stage, key},
};

const SIZE: (u16, u16) = (80, 24);

fn state_of(stage: &Stage, id: i64) -> State {
    drip::get_job(&stage.client, id).unwrap().unwrap().state
}

fn notice(stage: &Stage) -> &str {
    match &stage.ui.notice {
        Some((Ok(text) | Err(text), _)) => text,
        None => "",
    }
}

fn ids(stage: &Stage) -> Vec<i64> {
    stage.ui.jobs.rows().iter().map(|job| job.id).collect()
}

#[test]
fn tabs_are_gone_to_by_number_and_in_turn() {
    let mut stage = Stage::new(SIZE);
    for (keys, tab) in [
        ("", Tab::Overview),
        ("4", Tab::Schedules),
        ("<tab>", Tab::Workers),
        ("<tab>", Tab::Overview),
        ("2", Tab::Jobs),
        ("<esc>", Tab::Overview),
        ("3<esc>", Tab::Overview),
    ] {
        assert_eq!(stage.press(keys).ui.tab, tab, "{keys}");
    }
}

#[test]
fn q_leaves_a_job_and_then_the_program() {
    let mut stage = Stage::new(SIZE);
    stage.press("2<enter>");
    assert!(stage.ui.job.is_some());
    stage.press("q");
    assert!(stage.ui.job.is_none());
    for name in ["q", "<ctrl+c>"] {
        stage.ui.update(Message::Key(key(name)));
        assert_eq!(stage.ui.effects(), [Effect::Quit], "{name}");
    }
    stage.press("/");
    stage.ui.update(Message::Key(key("<ctrl+c>")));
    assert_eq!(stage.ui.effects(), [Effect::Quit]);
    stage.ui.update(Message::Stopped);
    assert_eq!(stage.ui.effects(), [Effect::Quit]);
}

#[test]
fn what_is_opened_is_shown_as_the_jobs_it_stands_for() {
    for (keys, filter) in [
        ("<enter>", "state:available"),
        ("jj<enter>", "state:completed"),
        ("jjjjjjjj<enter>", "queue:images"),
        ("3j<enter>", "queue:\"late reports\""),
        ("4<enter>", "kind:report queue:reports"),
        ("5j<enter>", "worker:gone-2"),
    ] {
        let mut stage = Stage::new(SIZE);
        stage.work();
        assert_eq!(stage.press(keys).ui.jobs.typed, filter, "{keys}");
        assert_eq!(stage.ui.tab, Tab::Jobs);
    }
    let mut stage = Stage::new(SIZE);
    stage.press("/queue:mail<enter>");
    assert_eq!(ids(&stage).len(), 18);
    // The filter goes first, then the tab.
    assert_eq!((stage.press("<esc>").ui.tab, ids(&stage).len()), (Tab::Jobs, 22));
    assert_eq!(stage.press("<esc>").ui.tab, Tab::Overview);
}

#[test]
fn a_job_is_changed_after_a_yes_only() {
    let mut stage = Stage::new(SIZE);
    stage.press("/1<enter>c");
    assert_eq!(stage.ui.dialog, Some(Dialog::Confirm(Change::Jobs(Verb::Cancel, Targets::Each(vec![1])))));
    for no in ["n", "<esc>", "q"] {
        stage.press("c<enter>").press(no);
        assert_eq!((&stage.ui.dialog, state_of(&stage, 1)), (&None, State::Retryable), "{no}");
    }
    stage.press("cy");
    assert_eq!((notice(&stage), state_of(&stage, 1)), ("job 1 is cancelled", State::Cancelled));
    // Shown at once, and no more to be cancelled.
    assert_eq!(stage.ui.jobs.at().map(|job| job.state), Some(State::Cancelled));
    stage.press("c");
    assert_eq!((&stage.ui.dialog, notice(&stage)), (&None, "job 1 is cancelled, and so cannot be cancelled"));
    stage.press("<enter>ty");
    assert_eq!((notice(&stage), state_of(&stage, 1)), ("job 1 is available", State::Available));
    stage.press("dyxy");
    assert_eq!(notice(&stage), "job 1 is deleted");
    assert!(stage.ui.job.as_ref().is_some_and(|job| job.gone));
    stage.press("<esc>/<ctrl+u>6<enter>ly");
    assert_eq!((notice(&stage), state_of(&stage, 6)), ("job 6 is available", State::Available));
}

#[test]
fn many_jobs_are_selected_and_changed() {
    let mut stage = Stage::new(SIZE);
    stage.press("/queue:mail<enter>  j j ");
    assert_eq!(stage.ui.jobs.marked.iter().copied().collect::<Vec<_>>(), [17, 19, 21, 22]);
    assert_eq!(stage.press("g ").ui.jobs.marked.len(), 3);
    assert!(stage.press("<esc>").ui.jobs.marked.is_empty());
    stage.press("g  G c");
    let Some(Dialog::Confirm(change)) = &stage.ui.dialog else { panic!("nobody is asked") };
    assert_eq!(change.question(), "Cancel 3 jobs?");
    stage.press("y");
    assert!(stage.ui.jobs.marked.is_empty());
    assert_eq!((state_of(&stage, 22), state_of(&stage, 1)), (State::Cancelled, State::Cancelled));
}

#[test]
fn of_several_jobs_those_that_refuse_are_told() {
    let mut stage = Stage::new(SIZE);
    stage.press("/id:2,3,4<enter>   cy");
    assert!(notice(&stage).starts_with("1 job cancelled, 2 not: "), "{}", notice(&stage));
    assert!(matches!(stage.ui.notice, Some((Err(_), _))));
}

#[test]
fn all_that_a_filter_leaves_is_changed_if_there_is_one() {
    let mut stage = Stage::new(SIZE);
    stage.press("2Ac");
    assert!(stage.ui.dialog.is_none() && notice(&stage).contains("Set a filter first"), "{}", notice(&stage));
    stage.press("<esc>/queue:mail<enter>Al");
    assert!(stage.ui.dialog.is_none() && notice(&stage).contains("one by one"), "{}", notice(&stage));
    stage.press("c");
    let all = Targets::All(Box::new(JobFilter::new().queue("mail")), "18".to_owned());
    assert_eq!(stage.ui.dialog, Some(Dialog::Confirm(Change::Jobs(Verb::Cancel, all))));
    stage.press("y");
    assert_eq!((notice(&stage), stage.ui.jobs.all), ("15 jobs cancelled", false));
    stage.press("Axy");
    assert_eq!((notice(&stage), ids(&stage).len()), ("18 jobs deleted", 0));
}

#[test]
fn queues_and_schedules_are_paused_resumed_and_run() {
    let mut stage = Stage::new(SIZE);
    for (keys, says) in [
        ("3py", "queue images is served again"),
        ("jpy", "queue late reports is paused"),
        ("Py", "all queues are paused"),
        ("py", "queue late reports is no longer paused by itself, but all queues are: P"),
        ("Py", "queues are served again"),
        ("4py", "schedule sales report is paused"),
        ("py", "schedule sales report goes on"),
        ("ny", "job 23 of schedule sales report is available"),
    ] {
        assert_eq!(notice(stage.press(keys)), says, "{keys}");
    }
    // Elsewhere these keys do nothing.
    stage.press("5pPn");
    assert!(stage.ui.dialog.is_none());
}

#[test]
fn new_jobs_do_not_carry_off_the_one_that_is_looked_at() {
    let mut stage = Stage::new(SIZE);
    stage.press("2jjj");
    let at = |stage: &Stage| stage.ui.jobs.at().map(|job| job.id);
    assert_eq!(at(&stage), Some(19));
    drip::insert_job(&stage.client, NewJob::new("new", json!({}))).unwrap();
    assert_eq!((at(stage.press("r")), stage.ui.jobs.list.cursor), (Some(19), 4));
    // At the top one sees what comes.
    assert_eq!(at(stage.press("g")), Some(23));
    drip::insert_job(&stage.client, NewJob::new("new", json!({}))).unwrap();
    assert_eq!(at(stage.press("r")), Some(24));
}

#[test]
fn pages_are_turned_there_and_back() {
    let mut stage = Stage::empty(SIZE);
    drip::insert_many(&stage.client, (0..250).map(|n| NewJob::new("work", json!({"n": n})))).unwrap();
    for (keys, first, page) in
        [("2", 250, 0), ("<", 250, 0), (">", 150, 1), (".", 50, 2), (">", 50, 2), ("<", 150, 1), (",", 250, 0)]
    {
        assert_eq!((ids(stage.press(keys))[0], stage.ui.jobs.page), (first, page), "{keys}");
    }
    assert_eq!(stage.press("<ctrl+d><ctrl+d>").ui.jobs.list.cursor, 20);
    assert_eq!(stage.press("<ctrl+u>").ui.jobs.list.cursor, 10);
    assert_eq!(stage.press("<end>").ui.jobs.list.cursor, 99);
}

#[test]
fn it_asks_again_when_it_is_time_and_not_while_it_waits() {
    let mut stage = Stage::new(SIZE);
    stage.work();
    stage.later(Duration::from_millis(1900));
    assert_eq!(stage.ui.effects(), []);
    stage.later(Duration::from_millis(200));
    let asked = stage.ui.effects();
    assert!(matches!(asked[..], [Effect::Ask(_, Question::Overview(Some(_)))]), "{asked:?}");
    stage.later(Duration::from_secs(60));
    assert_eq!(stage.ui.effects(), []);
    // A slow database is left alone for as long as it took, up to a while.
    let [Effect::Ask(number, question)] = &asked[..] else { panic!("nothing is asked") };
    stage.ui.update(Message::Answered(question.ask(&stage.client, *number)));
    stage.later(Duration::from_secs(9));
    assert_eq!(stage.ui.effects(), []);
    stage.later(Duration::from_secs(1));
    assert_eq!(stage.ui.effects().len(), 1);
    // By itself it stops when it is told to, and by hand it goes on.
    let mut stage = Stage::new(SIZE);
    stage.press("2a");
    stage.later(Duration::from_secs(60));
    assert_eq!(stage.ui.effects(), []);
    stage.ui.update(Message::Key(key("r")));
    assert_eq!(stage.ui.effects().len(), 2);
}

#[test]
fn an_answer_that_comes_too_late_is_of_no_interest() {
    let mut stage = Stage::new(SIZE);
    stage.press("2");
    stage.ui.update(Message::Key(key("r")));
    let Some(Effect::Ask(number, old)) = stage.ui.effects().into_iter().next() else { panic!("nothing is asked") };
    stage.press("/state:running<enter>");
    assert_eq!(ids(&stage), [5]);
    stage.ui.update(Message::Answered(old.ask(&stage.client, number)));
    assert_eq!(ids(&stage), [5]);
}

#[test]
fn rates_are_what_has_come_and_gone_since() {
    let mut stage = Stage::new(SIZE);
    stage.work();
    (0..5).for_each(|_| drop(drip::insert_job(&stage.client, NewJob::new("new", json!({}))).unwrap()));
    stage.clock.advance(Duration::from_millis(1));
    drip::discard_job(&stage.client, 1).unwrap();
    stage.later(Duration::from_secs(2));
    stage.work();
    let rates = &stage.ui.rates;
    assert_eq!([rates.inserted.latest(), rates.completed.latest(), rates.discarded.latest()], ["2.5", "0", "0.5"]);
}
