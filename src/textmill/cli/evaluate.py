def evaluate() -> None: "x"
