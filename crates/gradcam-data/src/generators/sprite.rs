//! Ten small hand-drawn objects: `#` is the first colour, `o` the second.

/// A sprite: its name and its rows, all of one length.
pub(super) struct Sprite {
    pub(super) name: &'static str,
    pub(super) rows: &'static [&'static str],
}

impl Sprite {
    pub(super) fn height(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn width(&self) -> usize {
        self.rows.first().map_or(0, |row| row.len())
    }

    /// Returns the content at a point, in cells: 0 for nothing, 1 or 2 for a colour.
    pub(super) fn at(&self, x: f64, y: f64) -> u8 {
        if x < 0.0 || y < 0.0 {
            return 0;
        }
        let row = self.rows.get(y as usize).map(|row| row.as_bytes());
        match row.and_then(|row| row.get(x as usize)) {
            Some(b'#') => 1,
            Some(b'o') => 2,
            _ => 0,
        }
    }
}

/// All sprites; the index is the class.
#[rustfmt::skip]
pub(super) const SPRITES: [Sprite; 10] = [
    Sprite { name: "boat", rows: &[
        "......#.....",
        "......#o....",
        "......#oo...",
        "......#ooo..",
        "......#oooo.",
        "......#ooooo",
        "......#.....",
        "############",
        ".##########.",
        "..########..",
    ] },
    Sprite { name: "car", rows: &[
        "...######....",
        "..##oo#oo#...",
        ".##ooo#ooo##.",
        "#############",
        "#############",
        "##oo#####oo##",
        "..oo.....oo..",
    ] },
    Sprite { name: "cup", rows: &[
        "########....",
        "########....",
        "###########.",
        "########..##",
        "#oooooo#...#",
        "########..##",
        "###########.",
        "########....",
        ".######.....",
    ] },
    Sprite { name: "fish", rows: &[
        "......####......",
        "o...########....",
        "oo.##########...",
        "ooo###########..",
        "oooo########o##.",
        "ooo############.",
        "oo.#########....",
        "o...#######.....",
        "......###.......",
    ] },
    Sprite { name: "flower", rows: &[
        "..##...##..",
        ".####.####.",
        ".####o####.",
        "..##ooo##..",
        ".####o####.",
        ".####.####.",
        "..##.o.##..",
        ".....o.....",
        ".oo..o.....",
        "..oo.o.oo..",
        "...oooooo..",
        ".....o.....",
    ] },
    Sprite { name: "house", rows: &[
        ".....oo.....",
        "....oooo.##.",
        "...oooooo##.",
        "..oooooooo#.",
        ".oooooooooo.",
        "oooooooooooo",
        ".##########.",
        ".##oo##oo##.",
        ".##oo##oo##.",
        ".######oo##.",
        ".######oo##.",
    ] },
    Sprite { name: "key", rows: &[
        "..####..........",
        ".##oo##.........",
        "##....##########",
        "#o....o#########",
        "##....##..#.##..",
        ".##oo##...#.##..",
        "..####......##..",
    ] },
    Sprite { name: "mushroom", rows: &[
        "....####....",
        "..###oo###..",
        ".####oo####.",
        ".#oo####oo#.",
        "##oo####oo##",
        "############",
        "....oooo....",
        "....oooo....",
        "....oooo....",
        "...oooooo...",
    ] },
    Sprite { name: "robot", rows: &[
        ".....o.....",
        ".#########.",
        ".#oo###oo#.",
        ".#oo###oo#.",
        ".#########.",
        "...#####...",
        "o#########o",
        "o.#######.o",
        "o.##ooo##.o",
        "..#######..",
        "..##...##..",
        "..##...##..",
    ] },
    Sprite { name: "tree", rows: &[
        ".....#.....",
        "....###....",
        "...#####...",
        "....###....",
        "...#####...",
        "..#######..",
        "...#####...",
        "..#######..",
        ".#########.",
        "###########",
        "....ooo....",
        "....ooo....",
    ] },
];
