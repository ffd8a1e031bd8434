"""Running a query twice, pushed and unpushed, and comparing the answers."""
