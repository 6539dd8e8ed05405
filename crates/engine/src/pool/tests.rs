//! What one cell may cost the others.

use std::sync::mpsc;

use super::*;

/// Longer than any of it takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Takes more than its share and says at which nice value.
    Greedy,
    /// Does not come back before the quick one had its turn.
    Endless,
    Quick,
}

struct Cell {
    inbox: Inbox<Kind>,
    burden: Burden,
}

impl Hosted for Cell {
    type Input = Kind;

    fn name(&self) -> &'static str {
        "cell"
    }

    fn inbox(&self) -> &Inbox<Kind> {
        &self.inbox
    }

    fn burden(&self) -> &Burden {
        &self.burden
    }
}

struct Site {
    nice: mpsc::SyncSender<i32>,
    quick_ran: AtomicBool,
}

impl Host<Cell> for Site {
    fn take(self: Arc<Self>, _cell: &Arc<Cell>, kind: Kind) {
        match kind {
            Kind::Greedy => {
                let nice = rustix::process::getpriority_process(Some(gettid()));
                self.nice.send(nice.expect("a thread has one")).ok();
                let begun = priority::own_cpu_us();
                while priority::own_cpu_us() - begun < 2 * micros(limits::SESSION_HEAVY_AT_ONCE) {}
            }
            Kind::Endless => {
                while !self.quick_ran.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
            Kind::Quick => self.quick_ran.store(true, Ordering::Relaxed),
        }
    }

    fn hangs(self: Arc<Self>, _cell: &Arc<Cell>) {}
}

fn cell() -> Arc<Cell> {
    Arc::new(Cell {
        inbox: Inbox::new(true),
        burden: Burden::default(),
    })
}

fn put(pool: &Pool<Cell>, cell: &Arc<Cell>, kind: Kind) {
    assert!(pool.see_to(cell, cell.inbox.push(kind, 9)));
}

fn pool() -> (Arc<Pool<Cell>>, mpsc::Receiver<i32>, Arc<Site>) {
    let (nice, told) = mpsc::sync_channel(100);
    let site = Arc::new(Site {
        nice,
        quick_ran: AtomicBool::new(false),
    });
    let pool = Pool::new("test");
    pool.start(Arc::downgrade(&site));
    (pool, told, site)
}

#[tokio::test]
async fn a_cell_that_takes_much_runs_in_the_background_next_time() {
    let (pool, told, _site) = pool();
    let greedy = cell();
    for lane in [Lane::Quick, Lane::Slow] {
        assert_eq!(greedy.burden.lane(pool.watch.elapsed_us()), lane);
        put(&pool, &greedy, Kind::Greedy);
        let nice = told.recv_timeout(PATIENCE).expect("it runs");
        // A quick thread may have lost its place before it could say how it stands.
        assert!(lane == Lane::Quick || nice == priority::LAST, "{nice}");
        // It is weighed when its turn is over.
        while !lock(&pool.busy).is_empty() {
            std::thread::yield_now();
        }
    }
    pool.stop();
}

#[tokio::test]
async fn a_quick_cell_does_not_wait_for_endless_ones() {
    let (pool, _told, site) = pool();
    // More than there are threads: without other threads in their places nobody runs the last.
    for _ in 0..10 {
        put(&pool, &cell(), Kind::Endless);
    }
    put(&pool, &cell(), Kind::Quick);
    let begun = Stopwatch::start();
    while !site.quick_ran.load(Ordering::Relaxed) {
        assert!(begun.elapsed_us() < micros(PATIENCE), "it waits for ever");
        std::thread::yield_now();
    }
    pool.stop();
}

#[test]
fn one_long_turn_decides_nothing_and_a_short_one_helps() {
    let (burden, heavy) = (Burden::default(), micros(limits::SESSION_HEAVY));
    let second = 1_000_000;
    burden.weigh(heavy + 1, 0);
    assert_eq!(burden.lane(0), Lane::Quick, "it may have been the host");
    burden.weigh(heavy, 1);
    burden.weigh(heavy + 1, 2);
    assert_eq!(burden.lane(2), Lane::Quick, "a short one was between them");
    burden.weigh(heavy + 1, 3);
    assert_eq!(burden.lane(second), Lane::Slow);
    burden.weigh(heavy, second);
    assert_eq!(burden.lane(second), Lane::Slow, "whoever alternates stays");
    assert_eq!(burden.lane(2 * second), Lane::Quick);
    burden.weigh(micros(limits::SESSION_HEAVY_AT_ONCE) + 1, 2 * second);
    assert_eq!(burden.lane(11 * second), Lane::Slow);
    assert_eq!(burden.lane(13 * second), Lane::Quick);
}
