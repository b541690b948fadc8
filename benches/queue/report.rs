//! What is printed: a table for people, or a line of JSON a figure for programs. Progress goes to standard error.

use drip::Dialect;

/// One figure.
pub struct Figure<'n> {
    pub name: &'n str,
    pub database: Dialect,
    pub value: f64,
    pub unit: &'static str,
    /// What it is compared to: the same of the bare driver, if its group says nothing else.
    pub baseline: Option<f64>,
    pub target: Option<Target>,
}

/// What a figure should come to.
#[derive(Clone, Copy)]
pub enum Target {
    /// At least this part of the baseline.
    Ratio(f64),
    /// Less than this.
    Below(f64),
}

/// Prints each figure as it comes.
pub struct Report {
    json: bool,
    header: bool,
}

impl Report {
    pub fn new(json: bool) -> Report {
        Report { json, header: false }
    }

    pub fn add(&mut self, figure: &Figure<'_>) {
        if self.json {
            return println!("{}", figure.json());
        }
        if !std::mem::replace(&mut self.header, true) {
            println!(
                "{:<31} {:<9} {:>12} {:>12} {:<7} {:>6}  target",
                "figure", "database", "drip", "baseline", "unit", "ratio"
            );
        }
        println!("{}", figure.row());
    }
}

impl<'n> Figure<'n> {
    /// Jobs a second beside those of the baseline.
    pub fn rate(name: &'n str, database: Dialect, value: f64, baseline: f64) -> Self {
        Figure { name, database, value, unit: "jobs/s", baseline: Some(baseline), target: None }
    }

    fn ratio(&self) -> Option<f64> {
        self.baseline.filter(|baseline| *baseline != 0.0).map(|baseline| self.value / baseline)
    }

    fn json(&self) -> String {
        let number = |number: Option<f64>, digits: usize| {
            number.map_or("null".to_owned(), |number| format!("{number:.digits$}"))
        };
        format!(
            r#"{{"name":"{}","database":"{}","value":{},"unit":"{}","baseline":{},"ratio":{}}}"#,
            self.name,
            self.database.name(),
            number(Some(self.value), 1 + self.digits()),
            self.unit,
            number(self.baseline, 1 + self.digits()),
            number(self.ratio(), 2)
        )
    }

    fn row(&self) -> String {
        let digits = self.digits();
        let dash = || "–".to_owned();
        format!(
            "{:<31} {:<9} {:>12} {:>12} {:<7} {:>6}  {}",
            self.name,
            self.database.name(),
            grouped(self.value, digits),
            self.baseline.map_or_else(dash, |baseline| grouped(baseline, digits)),
            self.unit,
            self.ratio().map_or_else(dash, |ratio| format!("{ratio:.2}")),
            self.verdict(),
        )
        .trim_end()
        .to_owned()
    }

    /// Rates are large and whole; times and sizes are small, and what is shared by very many jobs is smaller still.
    fn digits(&self) -> usize {
        match self.unit {
            "jobs/s" | "B a job" => 0,
            "a job" => 4,
            _ => 2,
        }
    }

    fn verdict(&self) -> String {
        let (target, met) = match self.target {
            None => return String::new(),
            Some(Target::Ratio(least)) => {
                (format!("ratio at least {least:.2}"), self.ratio().is_some_and(|ratio| ratio >= least))
            }
            Some(Target::Below(most)) => (format!("below {most} {}", self.unit), self.value < most),
        };
        format!("{target}: {}", if met { "met" } else { "MISSED" })
    }
}

/// A number with its thousands set off.
pub fn grouped(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((&*text, ""), |(whole, fraction)| (whole, fraction));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}
