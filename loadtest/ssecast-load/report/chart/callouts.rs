//! Where names at the ends of lines go, so that none covers another.

/// A name that wants its middle at `y`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callout {
    pub(super) y: f64,
    pub(super) height: f64,
}

/// Their middles, in the order of `callouts`: as near to where they want to be as they can be without one above
/// another. They stay between `top` and `bottom`, unless there are too many for that: then the last ones go below.
pub(super) fn arrange(callouts: &[Callout], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<_> = (0..callouts.len()).collect();
    order.sort_by(|a, b| callouts[*a].y.total_cmp(&callouts[*b].y));
    // A block is callouts that touch; each has where its top wants to be, and its height.
    let mut blocks: Vec<Block> = Vec::new();
    for index in order {
        let Callout { y, height } = callouts[index];
        let mut block = Block { members: vec![index], wanted: y - height / 2.0, height };
        while let Some(above) = blocks.pop() {
            if above.placed(top, bottom) + above.height <= block.placed(top, bottom) {
                blocks.push(above);
                break;
            }
            block = above.joined(block);
        }
        blocks.push(block);
    }
    let mut middles = vec![0.0; callouts.len()];
    for block in blocks {
        let mut y = block.placed(top, bottom);
        for index in block.members {
            middles[index] = y + callouts[index].height / 2.0;
            y += callouts[index].height;
        }
    }
    middles
}

struct Block {
    members: Vec<usize>,
    /// Where its top would be best: the mean of what its members want.
    wanted: f64,
    height: f64,
}

impl Block {
    fn placed(&self, top: f64, bottom: f64) -> f64 {
        self.wanted.min(bottom - self.height).max(top)
    }

    fn joined(mut self, mut below: Self) -> Self {
        let (count, more) = (self.members.len() as f64, below.members.len() as f64);
        let wanted = (self.wanted * count + (below.wanted - self.height) * more) / (count + more);
        self.members.append(&mut below.members);
        Self { members: self.members, wanted, height: self.height + below.height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(ys: &[f64]) -> Vec<f64> {
        arrange(&ys.iter().map(|y| Callout { y: *y, height: 10.0 }).collect::<Vec<_>>(), 0.0, 100.0)
    }

    #[test]
    fn those_with_room_stay_where_they_want_to_be() {
        assert_eq!(arranged(&[80.0, 20.0, 50.0]), [80.0, 20.0, 50.0]);
        assert!(arranged(&[]).is_empty());
    }

    #[test]
    fn those_that_touch_move_apart_equally() {
        assert_eq!(arranged(&[50.0, 50.0]), [45.0, 55.0]);
        assert_eq!(arranged(&[52.0, 50.0]), [56.0, 46.0]);
    }

    #[test]
    fn the_edge_pushes_back() {
        assert_eq!(arranged(&[0.0, 2.0, 100.0]), [5.0, 15.0, 95.0]);
    }

    #[test]
    fn none_covers_another_wherever_they_want_to_be() {
        fastrand::seed(7);
        for _ in 0..1_000 {
            let callouts: Vec<_> = (0..fastrand::usize(1..9))
                .map(|_| Callout { y: fastrand::f64() * 120.0 - 10.0, height: 5.0 + fastrand::f64() * 6.0 })
                .collect();
            let middles = arrange(&callouts, 0.0, 100.0);
            let mut spans: Vec<_> = callouts
                .iter()
                .zip(&middles)
                .map(|(callout, y)| (y - callout.height / 2.0, y + callout.height / 2.0))
                .collect();
            spans.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(spans[0].0 > -1e-9 && spans[spans.len() - 1].1 < 100.0 + 1e-9, "{callouts:?} {spans:?}");
            assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0 + 1e-9), "{callouts:?} {spans:?}");
        }
    }
}
