def train() -> None: "x"
