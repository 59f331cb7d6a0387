"""The page: layout and events in Gradio, and the service behind them."""
