//! Waits of a log of any size: those that are too many are spilled in blocks, each in the order of edges.
//!
//! Quantiles of an edge with more waits than the [`Room`] has are found by counting them in ever narrower bounds (radix
//! selection), so they are exact all the same. That reads the edge's waits some four times; most edges are read once.

use std::io;
use std::ops::RangeInclusive;

use crate::spill::{Room, Spill, read_numbers, write_numbers};
use crate::waits::{Buckets, Waits, between, median_and_p90, position};

/// Waits of one thread, in the order in which they occurred.
#[derive(Debug, Default)]
pub(crate) struct NotedWaits<'a> {
    /// Those that are in memory.
    pub held: Waits,
    room: Option<Room<'a>>,
    blocks: Vec<Block>,
}

/// Waits that were spilled together.
#[derive(Clone, Debug)]
struct Block {
    place: u64,
    /// Edges, ascending, each with where its waits end; the first begin at 0.
    ends: Vec<(u32, u32)>,
}

impl Block {
    /// Place and number of the waits of an edge.
    fn of(&self, edge: u32) -> Option<(u64, usize)> {
        let at = self.ends.binary_search_by_key(&edge, |(edge, _)| *edge).ok()?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        Some((self.place + u64::from(start) * 8, (self.ends[at].1 - start) as usize))
    }
}

impl<'a> NotedWaits<'a> {
    /// None yet, of so many that are to come.
    pub fn new(waits: usize, room: Option<Room<'a>>) -> Self {
        let waits = room.map_or(waits, |room| waits.min(room.entries + room.entries / 4));
        Self { held: empty(waits), room, blocks: Vec::new() }
    }

    /// Whether there were any.
    pub fn is_empty(&self) -> bool {
        self.held.edge.is_empty() && self.blocks.is_empty()
    }

    /// Spills them where they are more than there is room for.
    pub fn make_room(&mut self) -> io::Result<()> {
        match self.room {
            Some(room) if self.held.edge.len() >= room.entries => self.spill(room.spill),
            _ => Ok(()),
        }
    }

    fn spill(&mut self, spill: &dyn Spill) -> io::Result<()> {
        let mut counts: Vec<u64> = Vec::new();
        for edge in self.held.edge.iter().filter(|edge| **edge != Waits::NONE).map(|edge| *edge as usize) {
            counts.resize(counts.len().max(edge + 1), 0);
            counts[edge] += 1;
        }
        let next = empty(self.held.edge.capacity());
        let sorted = std::mem::replace(&mut self.held, next).into_buckets(&counts);
        let mut end = 0;
        let ends = counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(edge, n)| {
            end += *n as u32;
            (edge as u32, end)
        });
        let ends = ends.collect();
        self.blocks.push(Block { place: write_numbers(spill, sorted.all())?, ends });
        Ok(())
    }

    /// Sorts into buckets; `counts[edge]` says how many waits an edge has.
    pub fn into_buckets(mut self, counts: &[u64]) -> io::Result<SortedWaits> {
        match self.room {
            Some(room) if !self.blocks.is_empty() => {
                self.spill(room.spill)?;
                let held = Waits::default().into_buckets(&vec![0; counts.len()]);
                Ok(SortedWaits { held, blocks: self.blocks })
            }
            _ => Ok(SortedWaits { held: self.held.into_buckets(counts), blocks: Vec::new() }),
        }
    }
}

/// No waits, and room for so many. What is never written costs no memory, and growing would copy.
fn empty(waits: usize) -> Waits {
    Waits { edge: Vec::with_capacity(waits), wait_us: Vec::with_capacity(waits) }
}

/// Waits of one thread, edge by edge: all in memory, or none.
#[derive(Debug)]
pub(crate) struct SortedWaits {
    held: Buckets,
    blocks: Vec<Block>,
}

/// All waits of one edge, wherever they are.
#[derive(Debug, Default)]
pub(crate) struct EdgeWaits<'a> {
    held: Vec<&'a [i64]>,
    spilled: Vec<(u64, usize)>,
}

impl<'a> EdgeWaits<'a> {
    /// Adds those of a part, in which the edge has this number.
    pub fn add(&mut self, part: &'a SortedWaits, edge: usize) {
        self.held.push(part.held.of(edge));
        self.spilled.extend(part.blocks.iter().filter_map(|block| block.of(edge as u32)));
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.held.iter().map(|waits| waits.len()).sum::<usize>() + self.spilled.iter().map(|(_, n)| n).sum::<usize>()
    }

    /// Median and 90th percentile of at least one wait. `scratch` is overwritten.
    pub fn median_and_p90(&self, room: Option<Room<'_>>, scratch: &mut Vec<i64>) -> io::Result<(f64, f64)> {
        if let Some(room) = room.filter(|room| self.n() > room.entries.max(1)) {
            let quantile = |over, under| -> io::Result<f64> {
                let (rank, share) = position(self.n(), over, under);
                let (low, next) = self.neighbours(rank, room)?;
                Ok(between(low, if share == 0.0 { low } else { next }, share))
            };
            return Ok((quantile(1, 2)?, quantile(9, 10)?));
        }
        scratch.clear();
        self.each(room, &mut |waits| scratch.extend_from_slice(waits))?;
        Ok(median_and_p90(scratch))
    }

    fn each(&self, room: Option<Room<'_>>, take: &mut dyn FnMut(&[i64])) -> io::Result<()> {
        self.held.iter().for_each(|waits| take(waits));
        let spilled = room.into_iter().flat_map(|room| self.spilled.iter().map(move |part| (room.spill, *part)));
        spilled.into_iter().try_for_each(|(spill, (place, n))| read_numbers(spill, place, n, take))
    }

    /// The value of this rank and the one that follows it, itself where there is none: bounds are narrowed until what lies
    /// between them fits, or is all the same.
    fn neighbours(&self, rank: usize, room: Room<'_>) -> io::Result<(i64, i64)> {
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        self.each(Some(room), &mut |waits| {
            for &wait in waits {
                (low, high) = (low.min(wait), high.max(wait));
            }
        })?;
        let (mut bounds, mut below, mut within) = (low..=high, 0, self.n());
        while within > room.entries && bounds.start() < bounds.end() {
            let shift = shift_of(&bounds);
            let mut counts = vec![0_usize; COUNTS];
            self.each(Some(room), &mut |waits| {
                for wait in waits.iter().filter(|wait| bounds.contains(wait)) {
                    counts[(wait.abs_diff(*bounds.start()) >> shift) as usize] += 1;
                }
            })?;
            let mut at = 0;
            while below + counts[at] <= rank {
                below += counts[at];
                at += 1;
            }
            within = counts[at];
            let start = bounds.start().wrapping_add_unsigned((at as u64) << shift);
            let end = start.saturating_add_unsigned((1_u64 << shift) - 1).min(*bounds.end());
            bounds = start..=end;
        }
        let (mut inside, mut above) = (Vec::with_capacity(within.min(room.entries)), None::<i64>);
        let is_one = bounds.start() == bounds.end();
        self.each(Some(room), &mut |waits| {
            for &wait in waits {
                if wait > *bounds.end() {
                    above = Some(above.map_or(wait, |above| above.min(wait)));
                } else if !is_one && bounds.contains(&wait) {
                    inside.push(wait);
                }
            }
        })?;
        let place = rank - below;
        let (value, next) = if is_one {
            (*bounds.start(), (place + 1 < within).then_some(*bounds.start()))
        } else {
            let (_, &mut value, rest) = inside.select_nth_unstable(place);
            (value, rest.iter().min().copied())
        };
        Ok((value, next.or(above).unwrap_or(value)))
    }
}

/// Parts into which bounds are cut.
const COUNTS: usize = 1 << 16;

/// By how much a distance from the lower bound is shifted to be one of [`COUNTS`].
fn shift_of(bounds: &RangeInclusive<i64>) -> u32 {
    let bits = u64::BITS - bounds.end().abs_diff(*bounds.start()).leading_zeros();
    bits.saturating_sub(COUNTS.trailing_zeros())
}
