//! What each screen looks like, held against files. With `DRIP_UPDATE_GOLDEN=1` they are written anew.

use std::{fs, time::Duration};

use drip::{NewJob, Rule, Schedule};
use ratatui::{Terminal, backend::TestBackend, style::Color};
use serde_json::json;

use super::*;
use crate::tui::{
    fixture::{Stage, key},
    question::Flow,
    state::{Effect, Message},
};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

/// The screen as text, without what is blank in the right.
fn drawn(ui: &Ui) -> String {
    let terminal = painted(ui, true);
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(ui.size.0)).map(|row| {
        // A wide character takes the cell behind it, too.
        let mut skip = 0;
        let text = row.iter().filter(|cell| {
            let shown = skip == 0;
            skip = if shown { width(cell.symbol()).saturating_sub(1) } else { skip - 1 };
            shown
        });
        text.map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n"
    });
    lines.collect()
}

fn painted(ui: &Ui, colours: bool) -> Terminal<TestBackend> {
    let (width, height) = ui.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, ui, Theme::new(colours))).unwrap();
    terminal
}

#[track_caller]
fn golden(name: &str, stage: &mut Stage) {
    stage.work();
    let (found, path) =
        (drawn(&stage.ui), format!("{}/src/bin/drip/tui/screens/golden/{name}.txt", env!("CARGO_MANIFEST_DIR")));
    if std::env::var("DRIP_UPDATE_GOLDEN").as_deref() == Ok("1") {
        return fs::write(path, found).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{path} has\n{wanted}\nbut it is\n{found}");
}

/// Figures as of the last two minutes.
fn with_rates(mut stage: Stage) -> Stage {
    for n in 0..60_u64 {
        let flow = Flow { during: stage.ui.refresh, inserted: 40 + 3 * (n % 20), completed: 60, discarded: n / 50 };
        stage.ui.rates.add(&flow, stage.ui.refresh);
    }
    stage
}

#[test]
fn overview() {
    golden("overview", &mut with_rates(Stage::new(SMALL)));
    golden("overview-large", &mut with_rates(Stage::new(LARGE)));
    golden("overview-empty", &mut Stage::empty(SMALL));
}

#[test]
fn the_readme_shows_the_overview() {
    let (readme, picture) = (include_str!("../../../../../README.md"), include_str!("golden/overview.txt"));
    assert!(readme.contains(picture));
}

#[test]
fn jobs() {
    golden("jobs", Stage::new(SMALL).press("2 j A"));
    golden("jobs-large", Stage::new(LARGE).press("2"));
    golden("jobs-filtered", Stage::new(SMALL).press("/state:retryable,discarded queue:mail<enter>jj "));
    golden("jobs-typing", Stage::new(SMALL).press("2/state:failed<enter>"));
    golden("jobs-none", Stage::new(SMALL).press("/nothing<enter>"));
    golden("jobs-confirm", Stage::new(SMALL).press("/nothing<enter>/<ctrl+u>queue:mail<enter>Ax"));
}

#[test]
fn job() {
    golden("job", Stage::new(SMALL).press("/1<enter><enter>"));
    golden("job-end", Stage::new(SMALL).press("/1<enter><enter>G"));
    golden("job-running", Stage::new(SMALL).press("/5<enter><enter>"));
    let mut gone = Stage::new(SMALL);
    gone.press("/2<enter><enter>");
    drip::delete_job(&gone.client, 2).unwrap();
    golden("job-gone", gone.press("r"));
}

#[test]
fn queues_schedules_workers_and_help() {
    golden("queues", Stage::new(SMALL).press("3Py"));
    golden("schedules", Stage::new(SMALL).press("4"));
    golden("schedules-paused", Stage::new(SMALL).press("4jj"));
    golden("workers", Stage::new(SMALL).press("5"));
    golden("help", Stage::new(SMALL).press("?"));
}

#[test]
fn a_terminal_that_is_too_small_is_told_so() {
    for (size, says) in [((59, 30), "59 × 30"), ((80, 15), "80 × 15"), ((40, 10), "40 × 10")] {
        let stage = Stage::new(size);
        assert!(drawn(&stage.ui).contains(&format!("It has {says}, and 60 × 16 are needed.")), "{size:?}");
    }
    // Nothing is drawn outside of what there is, however little.
    for size in [(1, 1), (3, 2), (60, 16), (61, 17), (300, 100)] {
        let mut stage = Stage::new(size);
        for keys in ["", "?<esc>2", "<enter>", "c<esc>", "<esc>/x<esc>3", "4", "5"] {
            stage.press(keys);
            drawn(&stage.ui);
        }
    }
}

#[test]
fn what_a_terminal_would_obey_is_never_drawn() {
    let mut stage = Stage::new(LARGE);
    for keys in ["", "2", "/4<enter><enter>", "<esc>/<ctrl+u>1<enter><enter>"] {
        stage.press(keys);
        assert!(!drawn(&stage.ui).contains('\u{1b}'), "{keys}");
    }
    assert!(drawn(&stage.ui).contains(r"refused:\u{1b}[31m smtp"));
}

#[test]
fn without_colours_there_are_none() {
    let mut stage = Stage::new(SMALL);
    stage.press("2c");
    let colours = |colours| {
        let terminal = painted(&stage.ui, colours);
        let buffer = terminal.backend().buffer();
        buffer.content().iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(false), 0);
    assert!(colours(true) > 100);
}

#[test]
fn what_the_database_has_against_it_is_said_and_the_figures_stay() {
    let mut stage = Stage::new(SMALL);
    stage.press("3");
    stage.later(Duration::from_secs(7));
    let [Effect::Ask(number, question)] = &stage.ui.effects()[..] else { panic!("the queues are asked for") };
    // Nobody answers for a while.
    stage.later(Duration::from_secs(3));
    assert!(drawn(&stage.ui).contains("asking for 3 s"));
    let mut answer = question.ask(&stage.client, *number);
    answer.found = Err(drip::Error::other("no route to postgres://ada:secret@db/app"));
    stage.ui.update(Message::Answered(answer));
    let screen = drawn(&stage.ui);
    assert!(screen.contains("✗ no route to postgres://…@db/app") && screen.contains("10 s old"), "{screen}");
    assert!(screen.contains("late reports"), "{screen}");
    // Asking goes on.
    stage.later(Duration::from_secs(3));
    stage.work();
    let screen = drawn(&stage.ui);
    assert!(!screen.contains('✗') && screen.contains("0 s old"), "{screen}");
}

#[test]
fn what_the_database_has_against_it_is_said_on_the_next_screen_too_while_that_waits() {
    let mut stage = Stage::new(SMALL);
    stage.press("3");
    stage.later(Duration::from_secs(3));
    let [Effect::Ask(number, question)] = &stage.ui.effects()[..] else { panic!("the queues are asked for") };
    let mut answer = question.ask(&stage.client, *number);
    answer.found = Err(drip::Error::other("no route"));
    stage.ui.update(Message::Answered(answer));
    stage.ui.update(Message::Key(key("5")));
    assert!(!drawn(&stage.ui).contains("no route"));
    stage.later(Duration::from_secs(1));
    let screen = drawn(&stage.ui);
    assert!(screen.contains("✗ no route") && screen.contains("asking for 1 s"), "{screen}");
    stage.work();
    assert!(!drawn(&stage.ui).contains('✗'));
}

#[test]
fn a_table_that_goes_on_below_the_screen_says_so() {
    let mut stage = Stage::empty(SMALL);
    for n in 0..30 {
        drip::upsert_queue(&stage.client, &format!("queue {n:02}"), json!({})).unwrap();
        let schedule = Schedule::new(format!("schedule {n:02}"), Rule::every("6h"), NewJob::new("work", json!({})));
        drip::upsert_schedule(&stage.client, schedule).unwrap();
        drip::renew_lease(&stage.client, &format!("worker {n:02}"), Duration::from_secs(60)).unwrap();
    }
    let screen = drawn(&stage.press("1r").ui);
    for part in [" 1–4 of 30", " 1–3 of 30"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    for tab in ["3", "4", "5"] {
        assert!(drawn(&stage.press(tab).ui).contains(" 1–20 of 30"), "{}", drawn(&stage.ui));
        assert!(drawn(&stage.press("G").ui).contains(" 11–30 of 30"), "{}", drawn(&stage.ui));
    }
}

#[test]
fn a_name_that_is_long_is_whole_where_there_is_a_line_for_it() {
    let mut stage = Stage::new(SMALL);
    let worker = "worker-on-a-host-with-a-long-name.example.com:4242";
    let id = drip::fetch_jobs(&stage.client, "mail", worker, 1).unwrap()[0].id;
    let screen = drawn(&stage.press(&format!("/{id}<enter><enter>")).ui);
    assert!(screen.contains(&format!("claimed by  {worker}\n")), "{screen}");
}

#[test]
fn a_long_message_is_shown_whole_and_a_very_long_one_is_cut_with_a_sign() {
    for (words, whole) in [(40, true), (400, false)] {
        let mut stage = Stage::new(SMALL);
        stage.ui.update(Message::Changed(Err("word ".repeat(words) + "end")));
        let screen = drawn(&stage.ui);
        assert_eq!(screen.matches("word").count() == words && screen.contains("end"), whole, "{screen}");
        assert!(whole || screen.contains('…'), "{screen}");
    }
}
