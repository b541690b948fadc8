//! How long a failed job waits before its next attempt.
//!
//! A [`RetryPolicy`] turns the number of the attempt that has just failed into a delay, and nothing else: whether there
//! is a next attempt, and when "now" is, belong to settlement. No argument makes it overflow or panic; a custom closure
//! may panic, and it is the caller who catches that. Half of the file is its tests.

use std::{fmt, sync::Arc, time::Duration};

use crate::duration::MAX_DURATION;

const DEFAULT_BASE: Duration = Duration::from_secs(1);
const DEFAULT_MULTIPLIER: f64 = 2.0;
const DEFAULT_EXPONENTIAL_MAX: Duration = Duration::from_secs(60 * 60);
const DEFAULT_EXPONENTIAL_JITTER: f64 = 0.1;

/// The delay between a failed attempt and the next one.
///
/// Built from a shape ([`exponential`](Self::exponential), [`linear`](Self::linear), [`constant`](Self::constant),
/// [`immediate`](Self::immediate) or [`custom`](Self::custom)), then bounded by [`max`](Self::max) and spread by
/// [`jitter`](Self::jitter). The default is `exponential` from 1 second: 1 s, 2 s, 4 s … up to 1 hour, each ±10 %.
///
/// Arguments out of range are brought to the nearest value in range, never refused. No delay exceeds
/// [`MAX_DELAY`](Self::MAX_DELAY). Cloning is cheap, and clones share a custom closure.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use drip::RetryPolicy;
///
/// let policy = RetryPolicy::exponential(Duration::from_secs(10))
///     .multiplier(3.0)
///     .max(Duration::from_secs(600))
///     .jitter(0.0);
///
/// assert_eq!(policy.delay(1, "connection refused"), Duration::from_secs(10));
/// assert_eq!(policy.delay(3, "connection refused"), Duration::from_secs(90));
/// assert_eq!(policy.delay(50, "connection refused"), Duration::from_secs(600));
/// ```
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    shape: Shape,
    max: Duration,
    jitter: f64,
}

#[derive(Clone, Debug)]
enum Shape {
    Exponential { base: Duration, multiplier: f64 },
    Linear { step: Duration },
    Constant { delay: Duration },
    Custom(Custom),
}

type DelayFn = dyn Fn(u32, &str) -> Duration + Send + Sync;

#[derive(Clone)]
struct Custom(Arc<DelayFn>);

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}

impl RetryPolicy {
    /// The longest delay of any policy, a custom one included: 10 years of 365 days.
    ///
    /// It keeps the due time of a job inside the range that every supported database can hold.
    pub const MAX_DELAY: Duration = MAX_DURATION;

    /// `base` after the first failed attempt, then twice the delay before: base × 2ⁿ⁻¹ after attempt n.
    ///
    /// Defaults: [`multiplier`](Self::multiplier) 2.0, [`max`](Self::max) 1 hour, [`jitter`](Self::jitter) 0.1. A `base`
    /// above 1 hour therefore needs a higher `max` as well.
    #[must_use]
    pub fn exponential(base: Duration) -> Self {
        let shape = Shape::Exponential { base, multiplier: DEFAULT_MULTIPLIER };
        Self::of(shape).max(DEFAULT_EXPONENTIAL_MAX).jitter(DEFAULT_EXPONENTIAL_JITTER)
    }

    /// `step` after the first failed attempt, 2 × `step` after the second, n × `step` after attempt n.
    ///
    /// Defaults: [`max`](Self::max) [`MAX_DELAY`](Self::MAX_DELAY), [`jitter`](Self::jitter) 0.0.
    #[must_use]
    pub fn linear(step: Duration) -> Self {
        Self::of(Shape::Linear { step })
    }

    /// `delay` after every failed attempt.
    ///
    /// Defaults: [`max`](Self::max) [`MAX_DELAY`](Self::MAX_DELAY), [`jitter`](Self::jitter) 0.0.
    #[must_use]
    pub fn constant(delay: Duration) -> Self {
        Self::of(Shape::Constant { delay })
    }

    /// No delay: a failed job is due again at once.
    ///
    /// A job that fails quickly then spends its attempts within milliseconds, so this suits tests and errors known to
    /// pass at once, and little else.
    #[must_use]
    pub fn immediate() -> Self {
        Self::constant(Duration::ZERO)
    }

    /// Whatever `delay` answers, given the number of the failed attempt (from 1) and the text of its error.
    ///
    /// The answer is then bounded and spread as for any other policy. Defaults: [`max`](Self::max)
    /// [`MAX_DELAY`](Self::MAX_DELAY), [`jitter`](Self::jitter) 0.0. The closure should be quick and must not wait: it
    /// runs on the thread that ran the job.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use drip::RetryPolicy;
    ///
    /// let policy = RetryPolicy::custom(|attempt, error| {
    ///     let minutes = if error.contains("429") { 15 } else { 1 };
    ///     Duration::from_secs(60 * minutes).saturating_mul(attempt)
    /// });
    ///
    /// assert_eq!(policy.delay(2, "HTTP 429"), Duration::from_secs(1_800));
    /// ```
    #[must_use]
    pub fn custom(delay: impl Fn(u32, &str) -> Duration + Send + Sync + 'static) -> Self {
        Self::of(Shape::Custom(Custom(Arc::new(delay))))
    }

    fn of(shape: Shape) -> Self {
        RetryPolicy { shape, max: Self::MAX_DELAY, jitter: 0.0 }
    }

    /// Sets the factor between one delay and the next of an exponential policy; the other shapes have none and ignore it.
    ///
    /// Range 1.0 and above; default 2.0. Less than 1.0 counts as 1.0 (delays that shrink would hammer whatever is
    /// failing), infinity as the largest finite number, and NaN as the default.
    #[must_use]
    pub fn multiplier(mut self, factor: f64) -> Self {
        if let Shape::Exponential { multiplier, .. } = &mut self.shape {
            *multiplier = finite_or(factor, DEFAULT_MULTIPLIER).max(1.0);
        }
        self
    }

    /// Sets the longest delay, which jitter does not exceed either.
    ///
    /// Range zero to [`MAX_DELAY`](Self::MAX_DELAY), and more counts as `MAX_DELAY`; the default is 1 hour for an
    /// exponential policy and `MAX_DELAY` for the others.
    #[must_use]
    pub fn max(mut self, delay: Duration) -> Self {
        self.max = delay.min(Self::MAX_DELAY);
        self
    }

    /// Sets how far a delay is spread, as a fraction of it, so that jobs which failed together do not return together.
    ///
    /// A delay is drawn uniformly from delay × (1 − fraction) to delay × (1 + fraction), the upper end lowered to
    /// [`max`](Self::max) where it lies above: a delay that has reached `max` is spread downwards only.
    ///
    /// Range 0.0 to 1.0, and values outside count as the nearer end; NaN counts as 0.0. The default is 0.1 for an
    /// exponential policy and 0.0 for the others.
    #[must_use]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = finite_or(fraction, 0.0).clamp(0.0, 1.0);
        self
    }

    /// The delay after attempt number `attempt` has failed with the text `error`.
    ///
    /// Attempts count from 1, and 0 counts as 1. Only a [`custom`](Self::custom) policy looks at `error`. With jitter,
    /// every call draws anew. The answer is at most [`MAX_DELAY`](Self::MAX_DELAY).
    ///
    /// # Panics
    ///
    /// Only if a custom closure does.
    #[must_use]
    pub fn delay(&self, attempt: u32, error: &str) -> Duration {
        let planned = self.shape.delay(attempt.max(1), error);
        // Bounded before the spread as well as in it: else every draw for a late attempt lies above `max`, and jobs
        // that failed together come back together exactly when they are most numerous.
        spread(planned.min(self.max), self.jitter, self.max)
    }
}

impl Default for RetryPolicy {
    /// [`RetryPolicy::exponential`] from 1 second.
    fn default() -> Self {
        Self::exponential(DEFAULT_BASE)
    }
}

impl Shape {
    fn delay(&self, attempt: u32, error: &str) -> Duration {
        match self {
            Shape::Exponential { base, multiplier } => grow(*base, *multiplier, attempt),
            Shape::Linear { step } => step.saturating_mul(attempt),
            Shape::Constant { delay } => *delay,
            Shape::Custom(Custom(closure)) => closure(attempt, error),
        }
    }
}

/// `base` × `multiplier` to the power `attempt` − 1, no more than [`RetryPolicy::MAX_DELAY`].
fn grow(base: Duration, multiplier: f64, attempt: u32) -> Duration {
    // `powf`, since the exponent of `powi` is an i32. Kept finite, since zero times infinity is NaN and not zero.
    let factor = multiplier.powf(f64::from(attempt - 1)).min(f64::MAX);
    let seconds = base.as_secs_f64() * factor;
    // The only failure left is a number too large for a Duration.
    Duration::try_from_secs_f64(seconds).map_or(RetryPolicy::MAX_DELAY, |delay| delay.min(RetryPolicy::MAX_DELAY))
}

/// Draws from `delay` ± `fraction` of it, no more than `max`; both durations are within [`RetryPolicy::MAX_DELAY`].
fn spread(delay: Duration, fraction: f64, max: Duration) -> Duration {
    // In whole nanoseconds, of which 20 years fit in a u64: both ends can then be drawn, and neither overstepped.
    let (middle, max) = (whole_nanos(delay), whole_nanos(max));
    let reach = (middle as f64 * fraction) as u64;
    Duration::from_nanos(fastrand::u64(middle.saturating_sub(reach)..=middle.saturating_add(reach).min(max)))
}

fn whole_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `value` with the infinities made finite, or `fallback` for NaN.
fn finite_or(value: f64, fallback: f64) -> f64 {
    if value.is_nan() { fallback } else { value.clamp(f64::MIN, f64::MAX) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);
    /// Around 1; 54, where a 64-bit count of milliseconds overflows; 310, where 2ⁿ leaves f64; and the far end.
    const NOTABLE_ATTEMPTS: [u32; 9] = [0, 1, 2, 53, 54, 310, 1_000, 1_100, u32::MAX];

    fn steady(base: Duration) -> RetryPolicy {
        RetryPolicy::exponential(base).jitter(0.0)
    }

    fn seconds(policy: &RetryPolicy, attempts: impl IntoIterator<Item = u32>) -> Vec<u64> {
        attempts.into_iter().map(|attempt| policy.delay(attempt, "").as_secs()).collect()
    }

    #[test]
    fn exponential_doubles_exactly() {
        for attempt in 1..=12 {
            assert_eq!(steady(SECOND).delay(attempt, ""), Duration::from_secs(1 << (attempt - 1)));
        }
        assert_eq!(steady(Duration::from_millis(100)).delay(4, ""), Duration::from_millis(800));
        assert_eq!(seconds(&steady(SECOND).multiplier(3.0), 1..=4), [1, 3, 9, 27]);
    }

    #[test]
    fn exponential_stops_at_one_hour_unless_told() {
        assert_eq!(seconds(&steady(SECOND), 11..=14), [1_024, 2_048, 3_600, 3_600]);
        assert_eq!(steady(SECOND).max(10 * SECOND).delay(5, ""), 10 * SECOND);
        assert_eq!(steady(2 * HOUR).delay(1, ""), HOUR);
        assert_eq!(steady(2 * HOUR).max(24 * HOUR).delay(2, ""), 4 * HOUR);
    }

    #[test]
    fn the_default_is_one_second_to_one_hour_ten_percent() {
        let policy = RetryPolicy::default();
        for _ in 0..1_000 {
            assert!((900..=1_100).contains(&policy.delay(1, "").as_millis()));
            assert!((3_240_000..=3_600_000).contains(&policy.delay(1_000, "").as_millis()));
        }
    }

    #[test]
    fn attempt_zero_counts_as_one() {
        assert_eq!(steady(SECOND).delay(0, ""), SECOND);
        assert_eq!(RetryPolicy::linear(SECOND).delay(0, ""), SECOND);
        assert_eq!(RetryPolicy::custom(|attempt, _| attempt * SECOND).delay(0, ""), SECOND);
    }

    #[test]
    fn no_attempt_overflows() {
        let unbounded = steady(SECOND).max(Duration::MAX);
        assert_eq!(unbounded.delay(28, ""), Duration::from_secs(1 << 27));
        for attempt in [54, 310, 1_000, 1_100, u32::MAX] {
            assert_eq!(unbounded.delay(attempt, ""), RetryPolicy::MAX_DELAY, "attempt {attempt}");
            assert_eq!(steady(SECOND).delay(attempt, ""), HOUR, "attempt {attempt}");
            assert_eq!(steady(Duration::ZERO).delay(attempt, ""), Duration::ZERO, "attempt {attempt}");
            assert_eq!(unbounded.clone().multiplier(1.0).delay(attempt, ""), SECOND, "attempt {attempt}");
        }
        assert_eq!(RetryPolicy::linear(SECOND).delay(u32::MAX, ""), RetryPolicy::MAX_DELAY);
        assert_eq!(RetryPolicy::linear(Duration::MAX).delay(u32::MAX, ""), RetryPolicy::MAX_DELAY);
        assert_eq!(steady(Duration::MAX).max(Duration::MAX).delay(u32::MAX, ""), RetryPolicy::MAX_DELAY);
    }

    #[test]
    fn linear_constant_and_immediate() {
        assert_eq!(seconds(&RetryPolicy::linear(15 * SECOND), [1, 2, 3, 1_000]), [15, 30, 45, 15_000]);
        assert_eq!(seconds(&RetryPolicy::linear(15 * SECOND).max(40 * SECOND), [2, 3, u32::MAX]), [30, 40, 40]);
        for attempt in NOTABLE_ATTEMPTS {
            assert_eq!(RetryPolicy::constant(7 * SECOND).delay(attempt, ""), 7 * SECOND);
            assert_eq!(RetryPolicy::constant(Duration::MAX).delay(attempt, ""), RetryPolicy::MAX_DELAY);
            assert_eq!(RetryPolicy::immediate().delay(attempt, ""), Duration::ZERO);
            assert_eq!(RetryPolicy::immediate().jitter(1.0).delay(attempt, ""), Duration::ZERO);
        }
    }

    #[test]
    fn custom_sees_attempt_and_error_and_is_bounded() {
        let policy =
            RetryPolicy::custom(|attempt, error| if error == "busy" { attempt * SECOND } else { Duration::MAX });
        assert_eq!(policy.delay(3, "busy"), 3 * SECOND);
        assert_eq!(policy.clone().delay(u32::MAX, "other"), RetryPolicy::MAX_DELAY);
        assert_eq!(policy.max(HOUR).delay(1, "other"), HOUR);
    }

    #[test]
    fn a_zero_max_makes_every_policy_immediate() {
        assert_eq!(RetryPolicy::default().max(Duration::ZERO).delay(5, ""), Duration::ZERO);
    }

    #[test]
    fn multiplier_is_brought_into_range() {
        let table = [
            (f64::NAN, [1, 2, 4]),
            (f64::NEG_INFINITY, [1, 1, 1]),
            (-3.0, [1, 1, 1]),
            (0.0, [1, 1, 1]),
            (0.5, [1, 1, 1]),
            (f64::INFINITY, [1, 3_600, 3_600]),
            (f64::MAX, [1, 3_600, 3_600]),
        ];
        for (factor, expected) in table {
            assert_eq!(seconds(&steady(SECOND).multiplier(factor), 1..=3), expected, "{factor}");
        }
        assert_eq!(steady(Duration::ZERO).multiplier(f64::INFINITY).delay(9, ""), Duration::ZERO);
        assert_eq!(RetryPolicy::linear(SECOND).multiplier(9.0).delay(2, ""), 2 * SECOND);
    }

    #[test]
    fn jitter_is_brought_into_range() {
        for none in [f64::NAN, f64::NEG_INFINITY, -0.5, -0.0, 0.0] {
            assert_eq!(RetryPolicy::constant(HOUR).jitter(none).jitter, 0.0, "{none}");
        }
        for full in [1.0, 1.5, f64::MAX, f64::INFINITY] {
            assert_eq!(RetryPolicy::constant(HOUR).jitter(full).jitter, 1.0, "{full}");
        }
    }

    #[test]
    fn jitter_reaches_both_ends_and_centres_on_the_delay() {
        let policy = RetryPolicy::constant(HOUR).jitter(0.5);
        let draws: Vec<f64> = (0..10_000).map(|_| policy.delay(1, "").as_secs_f64() / HOUR.as_secs_f64()).collect();
        assert!(draws.iter().all(|draw| (0.5..=1.5).contains(draw)));
        assert!(draws.iter().any(|draw| *draw < 0.52) && draws.iter().any(|draw| *draw > 1.48));
        // The standard error of this mean is 0.003, so that chance does not fail the test.
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((0.97..1.03).contains(&mean), "{mean}");
    }

    /// A fleet that has backed off to `max` must still come back spread out, not with half of it in one instant.
    #[test]
    fn delays_do_not_bunch_at_max() {
        let policy = RetryPolicy::exponential(SECOND).jitter(0.2);
        let at_max = (0..1_000).filter(|_| policy.delay(1_000, "") == HOUR).count();
        assert!(at_max <= 1, "{at_max} of 1000 drew exactly max");
    }

    #[test]
    fn a_policy_is_shared_between_threads_and_printed() {
        fn asserts<T: Clone + fmt::Debug + Send + Sync + 'static>(_: &T) {}
        let policy = RetryPolicy::custom(|_, _| SECOND);
        asserts(&policy);
        assert!(format!("{policy:?}").contains("Custom(closure)"));
    }

    fn any_duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            any::<Duration>(),
            (0..=RetryPolicy::MAX_DELAY.as_secs(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n)),
            (0..HOUR.as_secs(), 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n)),
        ]
    }

    fn any_attempt() -> impl Strategy<Value = u32> {
        prop_oneof![any::<u32>(), 0..400_u32, proptest::sample::select(NOTABLE_ATTEMPTS.to_vec())]
    }

    fn any_shape(base: Duration) -> impl Strategy<Value = RetryPolicy> {
        proptest::sample::select(vec![
            RetryPolicy::exponential(base),
            RetryPolicy::linear(base),
            RetryPolicy::constant(base),
            RetryPolicy::custom(move |attempt, _| base.saturating_mul(attempt)),
        ])
    }

    /// `a` is no more than `b`, but for the nanoseconds that f64 cannot tell apart.
    fn at_most(a: f64, b: f64) -> bool {
        a <= b * (1.0 + 1e-9) + 2e-9
    }

    proptest! {
        #[test]
        fn no_input_panics_or_exceeds_max(
            policy in any_duration().prop_flat_map(any_shape),
            attempt in any_attempt(),
            multiplier in proptest::num::f64::ANY,
            jitter in proptest::num::f64::ANY,
            max in any_duration(),
        ) {
            let delay = policy.multiplier(multiplier).jitter(jitter).max(max).delay(attempt, "x");
            prop_assert!(delay <= max.min(RetryPolicy::MAX_DELAY));
        }

        #[test]
        fn jitter_stays_within_its_fraction_and_max(
            policy in any_duration().prop_flat_map(any_shape),
            attempt in any_attempt(),
            fraction in 0.0..=1.0,
            max in any_duration(),
        ) {
            let policy = policy.max(max);
            let middle = policy.clone().jitter(0.0).delay(attempt, "").as_secs_f64();
            let jittered = policy.jitter(fraction);
            for _ in 0..20 {
                let delay = jittered.delay(attempt, "");
                prop_assert!(delay <= max.min(RetryPolicy::MAX_DELAY));
                prop_assert!(at_most(middle * (1.0 - fraction), delay.as_secs_f64()));
                prop_assert!(at_most(delay.as_secs_f64(), middle * (1.0 + fraction)));
            }
        }

        #[test]
        fn exponential_never_shrinks(base in any_duration(), attempt in any_attempt(), multiplier in 0.0..10.0) {
            let policy = steady(base).multiplier(multiplier).max(Duration::MAX);
            prop_assert!(policy.delay(attempt, "") <= policy.delay(attempt.saturating_add(1), ""));
        }
    }
}
