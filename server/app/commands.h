/* commands.h - the subcommands. argv[0] is the subcommand's name; each understands --help. Returns
 * the exit code. */
#ifndef STREAMGAUGE_APP_COMMANDS_H
#define STREAMGAUGE_APP_COMMANDS_H

int sg_command_serve(int argc, char **argv);
int sg_command_check_config(int argc, char **argv);
int sg_command_watch(int argc, char **argv);
int sg_command_query(int argc, char **argv);
int sg_command_send(int argc, char **argv);
int sg_command_token(int argc, char **argv);
int sg_command_alerts(int argc, char **argv);
int sg_command_silence(int argc, char **argv);
int sg_command_check(int argc, char **argv);
int sg_command_check_rules(int argc, char **argv);
int sg_command_test_rules(int argc, char **argv);

#endif
