//! Communities of a weighted graph: the Leiden algorithm on modularity with a resolution.
//!
//! Leiden (Traag, Waltman and van Eck 2019, Scientific Reports 9:5233) over Louvain, because Louvain can return
//! communities that fall apart into unconnected pieces; Leiden's refinement cannot. Two simplifications: the refinement
//! takes the best merge instead of a random one (θ → 0), and the rounds end when nothing can be merged any more.
//! The order in which nodes are visited comes from the seed; with the same graph and seed the result is the same.

use std::collections::VecDeque;

use clew_stats::dice::Dice;

/// More rounds than this never occur; a bound keeps a defect from looping.
const MAX_ROUNDS: usize = 64;

/// An undirected weighted graph in compressed rows.
pub(super) struct Graph {
    offsets: Vec<usize>,
    edges: Vec<(u32, f64)>,
    /// Weighted degree, self-loops counted twice.
    strength: Vec<f64>,
    /// Sum of all strengths (2m).
    total: f64,
}

impl Graph {
    /// From undirected edges (a, b, weight); repeated edges add up; a = b is a self-loop.
    pub fn new(nodes: usize, mut edges: Vec<(u32, u32, f64)>) -> Self {
        for (a, b, _) in &mut edges {
            if a > b {
                std::mem::swap(a, b);
            }
        }
        edges.sort_by_key(|a| (a.0, a.1));
        let merged: Vec<(u32, u32, f64)> = edges
            .chunk_by(|x, y| (x.0, x.1) == (y.0, y.1))
            .map(|same| (same[0].0, same[0].1, same.iter().map(|edge| edge.2).sum()))
            .collect();
        let mut offsets = vec![0; nodes + 1];
        let mut strength = vec![0.0; nodes];
        for &(a, b, weight) in &merged {
            strength[a as usize] += weight;
            strength[b as usize] += weight;
            if a != b {
                offsets[a as usize + 1] += 1;
                offsets[b as usize + 1] += 1;
            }
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut rows = vec![(0, 0.0); offsets[nodes]];
        for &(a, b, weight) in merged.iter().filter(|edge| edge.0 != edge.1) {
            for (from, to) in [(a, b), (b, a)] {
                rows[next[from as usize]] = (to, weight);
                next[from as usize] += 1;
            }
        }
        let total = strength.iter().sum();
        Self { offsets, edges: rows, strength, total }
    }

    fn len(&self) -> usize {
        self.strength.len()
    }

    fn neighbours(&self, node: u32) -> &[(u32, f64)] {
        &self.edges[self.offsets[node as usize]..self.offsets[node as usize + 1]]
    }
}

/// The community of each node, numbered from 0 in order of first appearance.
pub(super) fn leiden(graph: Graph, resolution: f64, seed: u64) -> Vec<u32> {
    let mut place: Vec<u32> = (0..graph.len() as u32).collect();
    if graph.total <= 0.0 {
        return place;
    }
    let mut order = Order(Dice::new(seed));
    let mut graph = graph;
    let mut community: Vec<u32> = place.clone();
    for _ in 0..MAX_ROUNDS {
        move_nodes(&graph, &mut community, resolution, &mut order);
        let mut refined = refine(&graph, &community, resolution, &mut order);
        let count = renumber(&mut refined);
        if count == graph.len() {
            break;
        }
        let mut above = vec![0; count];
        for (node, &part) in refined.iter().enumerate() {
            above[part as usize] = community[node];
        }
        for spot in &mut place {
            *spot = refined[*spot as usize];
        }
        graph = aggregate(&graph, &refined, count);
        renumber(&mut above);
        community = above;
    }
    let mut found: Vec<u32> = place.iter().map(|&node| community[node as usize]).collect();
    renumber(&mut found);
    found
}

/// Moves nodes to the neighbouring community with the largest gain until no move gains.
fn move_nodes(graph: &Graph, community: &mut [u32], resolution: f64, order: &mut Order) {
    let mut strength = vec![0.0; graph.len()];
    for (node, &c) in community.iter().enumerate() {
        strength[c as usize] += graph.strength[node];
    }
    let mut queue: VecDeque<u32> = order.shuffled(graph.len()).into();
    let mut queued = vec![true; graph.len()];
    let mut links = Links::new(graph.len());
    while let Some(node) = queue.pop_front() {
        queued[node as usize] = false;
        let (own, mine) = (community[node as usize], graph.strength[node as usize]);
        strength[own as usize] -= mine;
        links.collect(graph.neighbours(node).iter().map(|&(other, weight)| (community[other as usize], weight)));
        let gain = |c: u32| links.weight[c as usize] - resolution * mine * strength[c as usize] / graph.total;
        let mut best = (own, gain(own));
        for &c in &links.met {
            let value = gain(c);
            if value > best.1 + 1e-12 {
                best = (c, value);
            }
        }
        let to = best.0;
        links.clear();
        strength[to as usize] += mine;
        if to == own {
            continue;
        }
        community[node as usize] = to;
        for &(other, _) in graph.neighbours(node) {
            if community[other as usize] != to && !queued[other as usize] {
                queued[other as usize] = true;
                queue.push_back(other);
            }
        }
    }
}

/// Splits each community into well-connected parts.
fn refine(graph: &Graph, community: &[u32], resolution: f64, order: &mut Order) -> Vec<u32> {
    let nodes = graph.len();
    let mut whole = vec![0.0; nodes];
    for (node, &c) in community.iter().enumerate() {
        whole[c as usize] += graph.strength[node];
    }
    let mut part: Vec<u32> = (0..nodes as u32).collect();
    let mut alone = vec![true; nodes];
    let mut strength = graph.strength.clone();
    // Weight of the edges from a part to the rest of its community.
    let mut outside: Vec<f64> = (0..nodes as u32)
        .map(|node| {
            let inside = graph.neighbours(node).iter();
            inside.filter(|(other, _)| community[*other as usize] == community[node as usize]).map(|e| e.1).sum()
        })
        .collect();
    let bar = |strength: f64, whole: f64| resolution * strength * (whole - strength) / graph.total;
    let mut links = Links::new(nodes);
    for node in order.shuffled(nodes) {
        let at = node as usize;
        let all = whole[community[at] as usize];
        if !alone[at] || outside[at] < bar(graph.strength[at], all) {
            continue;
        }
        let inside = graph.neighbours(node).iter().filter(|(other, _)| community[*other as usize] == community[at]);
        links.collect(inside.map(|&(other, weight)| (part[other as usize], weight)));
        let mut best: Option<(u32, f64)> = None;
        for &to in &links.met {
            let gain = links.weight[to as usize] - resolution * graph.strength[at] * strength[to as usize] / graph.total;
            let connected = outside[to as usize] >= bar(strength[to as usize], all);
            if connected && gain > best.map_or(0.0, |b| b.1) {
                best = Some((to, gain));
            }
        }
        if let Some((to, _)) = best {
            let shared = links.weight[to as usize];
            outside[to as usize] += outside[at] - 2.0 * shared;
            strength[to as usize] += graph.strength[at];
            part[at] = to;
            alone[to as usize] = false;
        }
        links.clear();
    }
    part
}

fn aggregate(graph: &Graph, part: &[u32], count: usize) -> Graph {
    let mut edges = Vec::with_capacity(graph.edges.len() / 2 + count);
    for node in 0..graph.len() as u32 {
        let mut looped = graph.strength[node as usize];
        for &(other, weight) in graph.neighbours(node) {
            looped -= weight;
            if node < other {
                edges.push((part[node as usize], part[other as usize], weight));
            }
        }
        // What strength has beyond its edges is its self-loop, counted twice.
        if looped > 1e-12 {
            edges.push((part[node as usize], part[node as usize], looped / 2.0));
        }
    }
    Graph::new(count, edges)
}

/// Numbers labels from 0 in order of first appearance; returns how many there are.
fn renumber(labels: &mut [u32]) -> usize {
    let mut seen = vec![u32::MAX; labels.iter().max().map_or(0, |&m| m as usize + 1)];
    let mut count = 0;
    for label in labels {
        let slot = &mut seen[*label as usize];
        if *slot == u32::MAX {
            *slot = count;
            count += 1;
        }
        *label = *slot;
    }
    count as usize
}

/// Sums of weights by label, reused between nodes.
struct Links {
    weight: Vec<f64>,
    met: Vec<u32>,
}

impl Links {
    fn new(labels: usize) -> Self {
        Self { weight: vec![0.0; labels], met: Vec::new() }
    }

    fn collect(&mut self, edges: impl Iterator<Item = (u32, f64)>) {
        for (label, weight) in edges {
            if self.weight[label as usize] == 0.0 {
                self.met.push(label);
            }
            self.weight[label as usize] += weight;
        }
    }

    fn clear(&mut self) {
        for label in self.met.drain(..) {
            self.weight[label as usize] = 0.0;
        }
    }
}

/// Visiting orders from a seed.
struct Order(Dice);

impl Order {
    fn shuffled(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for last in (1..count).rev() {
            // Not `below`: the themes of a seed are those that it always gave.
            let pick = self.0.bits() % (last as u64 + 1);
            order.swap(last, pick as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_cliques(bridge: f64) -> Graph {
        let mut edges = vec![(4, 5, bridge)];
        for base in [0, 5] {
            for a in base..base + 5 {
                for b in a + 1..base + 5 {
                    edges.push((a, b, 1.0));
                }
            }
        }
        Graph::new(10, edges)
    }

    #[test]
    fn two_cliques_with_a_bridge_are_two_communities() {
        for seed in 0..20 {
            let found = leiden(two_cliques(0.5), 1.0, seed);
            assert_eq!(found, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        }
    }

    #[test]
    fn the_karate_club_reaches_its_best_known_modularity() {
        // Zachary 1977; the maximum of modularity is 0.4198 in four communities (Brandes et al. 2008).
        let pairs = "1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-11 1-12 1-13 1-14 1-18 1-20 1-22 1-32 2-3 2-4 2-8 2-14 2-18 \
            2-20 2-22 2-31 3-4 3-8 3-9 3-10 3-14 3-28 3-29 3-33 4-8 4-13 4-14 5-7 5-11 6-7 6-11 6-17 7-17 9-31 9-33 9-34 \
            10-34 14-34 15-33 15-34 16-33 16-34 19-33 19-34 20-34 21-33 21-34 23-33 23-34 24-26 24-28 24-30 24-33 24-34 \
            25-26 25-28 25-32 26-32 27-30 27-34 28-34 29-32 29-34 30-33 30-34 31-33 31-34 32-33 32-34 33-34";
        let edges: Vec<(u32, u32, f64)> = pairs
            .split_whitespace()
            .map(|pair| {
                let (a, b) = pair.split_once('-').unwrap();
                (a.parse::<u32>().unwrap() - 1, b.parse::<u32>().unwrap() - 1, 1.0)
            })
            .collect();
        assert_eq!(edges.len(), 78);
        let best =
            (0..10).map(|seed| modularity(&edges, &leiden(Graph::new(34, edges.clone()), 1.0, seed))).fold(f64::MIN, f64::max);
        assert!((best - 0.4198).abs() < 5e-4, "{best}");
    }

    fn modularity(edges: &[(u32, u32, f64)], community: &[u32]) -> f64 {
        let m: f64 = edges.iter().map(|e| e.2).sum();
        let mut strength = vec![0.0; community.len()];
        let mut inside = 0.0;
        for &(a, b, weight) in edges {
            let (a, b) = (community[a as usize], community[b as usize]);
            strength[a as usize] += weight;
            strength[b as usize] += weight;
            inside += if a == b { weight } else { 0.0 };
        }
        inside / m - strength.iter().map(|s| (s / (2.0 * m)).powi(2)).sum::<f64>()
    }

    #[test]
    fn unconnected_nodes_stay_alone() {
        assert_eq!(leiden(Graph::new(3, vec![]), 1.0, 1), [0, 1, 2]);
        assert_eq!(leiden(Graph::new(0, vec![]), 1.0, 1), [] as [u32; 0]);
    }
}
