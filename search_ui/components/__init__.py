"""Parts of the screen with JavaScript of their own: `area_drawer`, `map_pair`, `hit_list`;
`assets` reads their files."""
