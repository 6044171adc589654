using Sophia.Native.Cli;

return await SophiaCommand.Run(args);
